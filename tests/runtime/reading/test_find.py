"""`AccountLog.find`: entries by the beginning of their id."""

from typing import Any

import pytest
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AccountLog, AuditLog, FilterError, ValidationError


def test_beginning_of_an_id_finds_its_entry(log: AuditLog, acme: AccountLog) -> None:
    made = [record(log, KEY_CREATED) for _ in range(20)]
    record(log, KEY_CREATED, account_id="globex")
    for entry in made:
        text = str(entry.id)
        for prefix in (text, text[:30], text.upper()[:26], text.replace("-", "")[:24]):
            assert acme.find(prefix) == [entry]
    assert acme.find("0", limit=1000) == made[::-1]
    assert acme.find("0") == made[:-11:-1]
    assert acme.find(str(made[0].id)[:8]) == made[:-11:-1]


def test_beginning_is_compared_digit_by_digit(log: AuditLog, acme: AccountLog) -> None:
    ids = [
        "01900000-0000-7000-8000-000000000000",
        "01900000-0000-7000-8fff-ffffffffffff",
        "01900000-0000-7000-9000-000000000000",
    ]
    for each in ids:
        record(log, KEY_CREATED, id=each)
    assert [str(entry.id) for entry in acme.find("01900000-0000-7000-8")] == [ids[1], ids[0]]
    assert [str(entry.id) for entry in acme.find("01900000-0000-7000-9")] == [ids[2]]
    for prefix in ("ffffffff", "f" * 32, "1", "01900000-0000-7000-a"):
        assert acme.find(prefix) == []


@pytest.mark.parametrize(
    "prefix", ["", "-", "x", "0" * 33, "0x1", " 01", "1\n", "１", None, 5, b"01", 10**30], ids=repr
)
@pytest.mark.sqlite_only
def test_other_prefixes_are_refused(acme: AccountLog, prefix: Any) -> None:
    with pytest.raises(ValidationError, match="expected a UUID or its beginning, got "):
        acme.find(prefix)


@pytest.mark.parametrize("limit", [0, 1001, "5", None, True])
@pytest.mark.sqlite_only
def test_limit_of_found_entries_is_checked(acme: AccountLog, limit: Any) -> None:
    with pytest.raises(FilterError, match="limit is 1 to 1000"):
        acme.find("0", limit=limit)
