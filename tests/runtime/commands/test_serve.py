"""`auditwright serve` and `auditwright demo --serve`, as processes that are started and interrupted."""

import csv
import io
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.support.command_line import SCANNER, Auditwright


@dataclass
class Served:
    """A running server: its address, and the line that printed it."""

    url: str
    line: str
    process: subprocess.Popen[str]


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Served]:
    """Run a command until it prints its address; interrupt it at the end, as Ctrl-C does."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "auditwright", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)) is not None:
                    yield Served(found[0], line, process)
                    break
            else:
                pytest.fail(f"no address printed: {process.stderr and process.stderr.read()}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)


def test_serves_one_account_on_loopback_until_interrupted(recorded: Auditwright, tmp_path: Path) -> None:
    assert recorded("list", "--account", "acme").code == 0
    with serving(tmp_path, "serve", "--account", "acme", "--port", "0") as served:
        assert served.line == f'Audit Logs of the account "acme": {served.url} (stop with Ctrl-C)\n'
        page = httpx.get(served.url).text
        assert "Ada Lovelace" in page
        assert "Grace Hopper" not in page
        assert httpx.get(f"{served.url}?account=globex").status_code == 404
        port = int(served.url.rpartition(":")[2].rstrip("/"))
        own = socket.gethostbyname(socket.gethostname())
        if not own.startswith("127."):
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://{own}:{port}/")
    # After its shutdown uvicorn raises the signal again, as shells expect.
    assert served.process.returncode in (0, 130, -signal.SIGINT)
    assert served.process.stderr is not None


def test_only_local_host_names_are_served(recorded: Auditwright, tmp_path: Path) -> None:
    assert recorded("list", "--account", "acme").code == 0
    with serving(tmp_path, "serve", "--account", "acme", "--port", "0") as served:
        for host, status in (("localhost", 200), ("127.0.0.1:99", 200), ("evil.example", 400)):
            assert httpx.get(served.url, headers={"host": host}).status_code == status


def test_export_is_recorded_with_the_actor_option(recorded: Auditwright, tmp_path: Path) -> None:
    assert recorded("list", "--account", "acme").code == 0
    actor = "user:u-90:Frances Allen"
    with serving(tmp_path, "serve", "--account", "acme", "--port", "0", "--actor", actor) as served:
        with httpx.Client(base_url=served.url) as browser:
            (token,) = re.findall('name="token" value="([^"]*)"', browser.get("/").text)
            exported = browser.post("/export", data={"what": "all", "token": token})
        assert len(list(csv.reader(io.StringIO(exported.text)))) == 3
        (newest, *_) = httpx.get(f"{served.url}api/entries").json()["entries"]
    assert newest["description"] == "Frances Allen exported the audit log as CSV."
    assert newest["ip_address"] == "127.0.0.1"


@pytest.mark.parametrize(("options", "status"), [((), 403), (("--allow-recording",), 201)])
def test_recording_needs_the_allow_option(
    recorded: Auditwright, tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    assert recorded("list", "--account", "acme").code == 0
    with serving(tmp_path, "serve", "--account", "acme", "--port", "0", *options) as served:
        entry = {"event": SCANNER, "metadata": {"tool_id": "t-9"}}
        assert httpx.post(f"{served.url}api/entries", json=entry).status_code == status


@pytest.mark.parametrize(("option", "status"), [("--allow-recording", 403), ("--allow-impersonation", 201)])
def test_naming_another_actor_needs_its_own_option(
    recorded: Auditwright, tmp_path: Path, option: str, status: int
) -> None:
    assert recorded("list", "--account", "acme").code == 0
    with serving(tmp_path, "serve", "--account", "acme", "--port", "0", option) as served:
        ceo = {"type": "user", "id": "u-1", "name": "CEO"}
        entry = {"event": SCANNER, "metadata": {"tool_id": "t-9"}, "actor": ceo}
        assert httpx.post(f"{served.url}api/entries", json=entry).status_code == status


def test_demo_serves_its_entries(tmp_path: Path) -> None:
    with serving(tmp_path, "demo", "--serve", "--port", "0") as served:
        answer = httpx.get(f"{served.url}api/entries?limit=1000").json()
        assert len(answer["entries"]) == 78


def test_port_in_use_is_an_error_with_a_hint(recorded: Auditwright) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = recorded("serve", "--account", "acme", "--port", str(port))
    message = f"auditwright: port {port}: Address already in use; choose another by --port\n"
    assert (done.code, done.out, done.err) == (2, "", message)


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1" * 30, "٣"])
def test_invalid_port_is_a_usage_error(auditwright: Auditwright, port: str) -> None:
    error = auditwright("serve", f"--port={port}").usage_error
    assert error.endswith(f"argument --port: {port!r} is not a number from 0 to 65535")


def test_missing_database_is_not_created(auditwright: Auditwright, tmp_path: Path) -> None:
    done = auditwright("serve", "--port", "0")
    assert done.code == 2
    assert "there is no such database" in done.err
    assert list(tmp_path.iterdir()) == []


MISSING = """
import sys
from auditwright import cli

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fastapi", "starlette", "uvicorn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
raise SystemExit(cli.main(["serve", "--account", "acme", "--port", "0"]))
"""


@pytest.mark.sqlite_only
def test_missing_server_extra_is_named(recorded: Auditwright, tmp_path: Path) -> None:
    assert recorded("list", "--account", "acme").code == 0
    done = subprocess.run(
        [sys.executable, "-c", MISSING], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'auditwright: this command needs the package uvicorn: pip install "auditwright[server]"\n'
    )
