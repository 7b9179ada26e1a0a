"""A worker of a cluster that is away, silent or restarted, while accounts of all workers are in use."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.citus import CitusCluster, CitusDatabase
from tests.support.sample_events import KEY_CREATED, record
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, Entry, StorageError


@pytest.fixture
def own(citus: CitusCluster) -> Iterator[CitusDatabase]:
    """A database of its own, which a test may change."""
    made = citus.another()
    yield made
    citus.drop(made)


MAINTENANCE = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type LIKE 'Citus Maintenance Daemon%' AND datname = current_database()"""
"""Whether the process that Citus starts for each database runs."""


@pytest.fixture
def worker(own: CitusDatabase) -> Iterator[TcpProxy]:
    """The last worker, which the coordinator reaches through a proxy."""
    url = own.nodes[-1]
    with proxy_of(url) as proxy:
        port = url.rpartition("/")[0].rpartition(":")[2]
        found = f"FROM pg_dist_node WHERE nodeport = {port}"
        # Citus 13.2.2 wakes it without asking whether it runs: the coordinator crashes.
        wait_until(lambda: own.rows(MAINTENANCE) == [(1,)])
        own.change(f"SELECT citus_update_node(nodeid, nodename, {proxy.port}) {found}")
        yield proxy
        proxy.pass_again()
        own.change("SELECT recover_prepared_transactions()")


@pytest.fixture
def accounts(own: CitusDatabase, worker: TcpProxy) -> dict[bool, list[str]]:
    """Two accounts that are on the worker (True), and two on others."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for number in range(40):
        ((port,),) = own.rows(
            "SELECT nodeport FROM pg_dist_shard_placement WHERE shardid = "
            f"get_shard_id_for_distribution_column('audit_entry', 'account-{number}')"
        )
        found[port == worker.port].append(f"account-{number}")
    return {is_there: names[:2] for is_there, names in found.items()}


def open_log(own: CitusDatabase, **options: Any) -> AuditLog:
    return AuditLog.open(own.url, account_id="acme", catalog=CATALOG, **{"timeout": 10, **options})


def refusal(log: AuditLog, account_id: str) -> StorageError:
    """The error of recording for an account."""
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, account_id=account_id)
    return caught.value


def stored(own: CitusDatabase) -> list[bytes]:
    own.change("SELECT recover_prepared_transactions()")  # Citus does it once a minute
    return [number for (number,) in own.rows("SELECT id FROM audit_entry")]


def test_accounts_of_other_workers_go_on(
    own: CitusDatabase, worker: TcpProxy, accounts: dict[bool, list[str]]
) -> None:
    (lost, _), (other, _) = accounts[True], accounts[False]
    with open_log(own) as log:
        for account_id in (lost, other):
            record(log, KEY_CREATED, account_id=account_id)
        worker.be_away()
        for _ in range(3):
            record(log, KEY_CREATED, account_id=other)
            error = refusal(log, lost)
            assert error.unavailable
            assert error.of_node
            assert len(log.account(other).entries().entries) >= 2
            with pytest.raises(StorageError, match=r"cannot read: .*node") as caught:
                log.account(lost).entries()
            assert caught.value.unavailable
        worker.pass_again()
        again = record(log, KEY_CREATED, account_id=lost)
        assert log.account(lost).get(again.id) == again
        assert log.account(other).count() == 4


@pytest.mark.parametrize("is_spooled", [False, True], ids=["no spool", "spool"])
def test_acknowledged_entries_are_stored_once(
    own: CitusDatabase,
    worker: TcpProxy,
    accounts: dict[bool, list[str]],
    tmp_path: Path,
    is_spooled: bool,
) -> None:
    """Callers of all accounts share commits, while the worker goes, comes back and resets connections."""
    recorded: dict[bool, list[Entry]] = {True: [], False: []}
    phase, done = "before", threading.Event()
    seen: set[tuple[str, bool]] = set()
    unknown: list[Entry] = []
    wrong: list[StorageError] = []

    def work(account_id: str, is_there: bool) -> None:
        while not done.is_set():
            now = phase
            try:
                recorded[is_there].append(record(log, KEY_CREATED, account_id=account_id))
                seen.add((now, is_there))
            except StorageError as error:
                if not is_there or not error.unavailable:
                    wrong.append(error)
                elif error.outcome_unknown and error.entry:  # it is recorded again
                    unknown.append(error.entry)

    options = {"spool": f"sqlite:///{tmp_path}/spool.db"} if is_spooled else {}
    with open_log(own, **options) as log:
        threads = [
            threading.Thread(target=work, args=(account_id, is_there))
            for is_there, names in accounts.items()
            for account_id in names
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: {("before", True), ("before", False)} <= seen)
            worker.be_away()
            phase = "away"
            wait_until(lambda: ("away", False) in seen)
            worker.pass_again()
            phase = "back"
            wait_until(lambda: {("back", True), ("back", False)} <= seen)
            worker.reset()
            phase = "reset"
            wait_until(lambda: {("reset", True), ("reset", False)} <= seen)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        wait_until(lambda: log.health().spooled == 0)
        for entry in unknown:
            record(log, KEY_CREATED, account_id=entry.account_id, id=entry.id, occurred_at=entry.occurred_at)
    found = stored(own)
    assert len(found) == len(set(found))
    acknowledged = {entry.id.bytes for entries in recorded.values() for entry in entries}
    assert set(found) == acknowledged | {entry.id.bytes for entry in unknown}
    assert wrong == []


def test_a_silent_worker_ends_calls_in_time(
    own: CitusDatabase, worker: TcpProxy, accounts: dict[bool, list[str]]
) -> None:
    """The coordinator waits for its worker; the call does not."""
    (lost, _), (other, _) = accounts[True], accounts[False]
    with open_log(own, timeout=2) as log:
        for account_id in (lost, other):
            record(log, KEY_CREATED, account_id=account_id)
        worker.be_silent()
        error = refusal(log, lost)
        assert error.unavailable
        assert error.outcome_unknown
        wait_until(lambda: is_recorded(log, other))
        worker.pass_again()
        assert error.entry is not None
        lost_entry = error.entry
        wait_until(lambda: is_recorded(log, lost, id=lost_entry.id, occurred_at=lost_entry.occurred_at))
        assert len(list(log.account(lost).all())) == 2


def is_recorded(log: AuditLog, account_id: str, **options: Any) -> bool:
    try:
        record(log, KEY_CREATED, account_id=account_id, **options)
    except StorageError:
        return False
    return True
