"""`auditwright show`."""

import json

from tests.support.command_line import Auditwright

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
Model ID:                m-17
Model Name:              Llama
Model Type:              Open-source
Event key:               account.models.api_key_created
Entry ID:                {form["id"]}
Account ID:              acme
Recorded (UTC):          {recorded_at}
Catalog version:         1.0.1
"""
    )
    assert json.loads(recorded("show", form["id"], "--account", "acme", "--format", "json").out) == form


def test_entry_of_another_account_is_not_shown(recorded: Auditwright) -> None:
    entry_id = json.loads(recorded(*ACME, "--format", "json").out)[0]["id"]
    done = recorded("show", entry_id, "--account", "globex")
    assert (done.code, done.out) == (1, "")
    assert done.err == f'auditwright: the account "globex" has no entry {entry_id}\n'
    assert recorded("show", "x").usage_error == (
        "auditwright show: error: argument ID: 'x' is not an entry's id; "
        "`auditwright list --format json` shows them"
    )
