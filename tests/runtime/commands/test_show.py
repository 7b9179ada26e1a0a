"""`auditwright show`."""

import json

import pytest
from tests.support.command_line import SCANNER, Auditwright

ACME = ("list", "--account", "acme")


def test_shows_every_value_of_an_entry(recorded: Auditwright) -> None:
    form = json.loads(recorded(*ACME, "--format", "json", "--limit", "1").out)[0]
    done = recorded("show", form["id"], "--account", "acme")
    assert (done.code, done.err) == (0, "")
    recorded_at = form["recorded_at"].replace("T", " ").removesuffix("Z")
    assert (
        done.out
        == f"""\
Event Name:              API Key created
Category:                Models
Date and Time (UTC):     2026-01-02 04:00:00.000000
User or App Name:        Pipeline (app ci)
IP Address:              192.0.2.1
Description:             Pipeline created an API key for model Llama.
Outcome:                 success
Model ID:                m-17
Model Name:              Llama
Model Type:              Open-source
Event key:               account.models.api_key_created
Entry ID:                {form["id"]}
Account ID:              acme
Recorded (UTC):          {recorded_at}
Catalog version:         1.1.0
"""
    )
    assert json.loads(recorded("show", form["id"], "--account", "acme", "--format", "json").out) == form


def test_entry_of_another_account_is_not_shown(recorded: Auditwright) -> None:
    entry_id = json.loads(recorded(*ACME, "--format", "json").out)[0]["id"]
    done = recorded("show", entry_id, "--account", "globex")
    assert (done.code, done.out) == (1, "")
    assert done.err == f'auditwright: the account "globex" has no entry {entry_id}\n'
    assert recorded("show", entry_id, "--account", "initech").err == (
        f'auditwright: the account "initech" has no entry {entry_id}; there are entries of acme, globex: '
        "select one by --account\n"
    )
    assert recorded("show", "x").usage_error == (
        "auditwright show: error: argument ID: 'x' is not an entry's id or the beginning of one; "
        "`auditwright list` shows them"
    )


def test_beginning_of_an_id_is_enough(recorded: Auditwright) -> None:
    form = json.loads(recorded(*ACME, "--format", "json", "--limit", "1").out)[0]
    whole = recorded("show", form["id"], "--account", "acme")
    for size in (35, 24, 18, 14, 13):
        assert recorded("show", form["id"][:size], "--account", "acme") == whole
    assert recorded("show", form["id"].replace("-", "")[:20].upper(), "--account", "acme") == whole
    assert recorded("show", form["id"].upper(), "--account", "acme") == whole


def test_ambiguous_beginning_lists_the_entries(recorded: Auditwright) -> None:
    newer, older = (form["id"] for form in json.loads(recorded(*ACME, "--format", "json").out))
    done = recorded("show", newer[:3], "--account", "acme")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"auditwright: the ids of several entries begin with {newer[:3]}:",
        f"{newer}  2026-01-02 04:00:00.000  API Key created",
        f"{older}  2026-01-02 03:04:05.678  Input scanner added",
    ]
    for _ in range(9):
        recorded("record", SCANNER, "--metadata", '{"tool_id": "t-9"}', "--account", "acme")
    lines = recorded("show", "0", "--account", "acme").err.splitlines()
    assert (len(lines), lines[-1]) == (12, "and more")


def test_beginning_that_no_id_has_is_an_error(recorded: Auditwright) -> None:
    for unknown in ("ffff", "0190-0000"):
        done = recorded("show", unknown, "--account", "acme")
        assert (done.code, done.out) == (1, "")
        assert done.err == f'auditwright: the account "acme" has no entry whose id begins with {unknown}\n'


@pytest.mark.parametrize("text", ["", "-", "01g", "0" * 33, "019b…", "é"])
def test_other_text_is_not_an_id(recorded: Auditwright, text: str) -> None:
    assert recorded("show", "--", text).usage_error.endswith(
        "is not an entry's id or the beginning of one; `auditwright list` shows them"
    )
