"""`auditwright new`: adds an event, a category or a field; nothing else in the files changes."""

import io
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.model import Event
from auditwright_generator.scaffold import starter
from auditwright_generator.source.catalog_source import read_source

EVENT = "account.projects.project_archived"
SAYS = ("--description", "Someone put a project aside. Recorded when it can no longer be chosen.")
REFUSED = "auditwright: nothing was added: `auditwright check` would report this"
PROJECTS, FIELDS = Path("catalog/account/projects.yaml"), Path("catalog/fields.yaml")
CATALOG = Path("catalog/catalog.yaml")
NEXT = "next: `auditwright generate`\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a new catalog."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Path(starter.__file__).with_name("starter"), "catalog")
    return tmp_path


def new(*arguments: str) -> int:
    """The exit code."""
    try:
        return run(cli.new, *arguments)
    except SystemExit as error:  # argparse ends wrong usage like this
        return int(error.code or 0)


def findings() -> list[str]:
    return [str(finding) for finding in read_catalog(Path("catalog")).findings]


def event_of(key: str) -> Event:
    catalog = read_catalog(Path("catalog")).catalog
    assert catalog is not None
    return next(event for event in catalog.events if event.key == key)


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# --- events ------------------------------------------------------------------------------------------


def test_an_event_is_added_after_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = PROJECTS.read_text("utf-8")
    assert new("event", EVENT, *SAYS) == 0
    line = before.count("\n") + 2
    assert capsys.readouterr() == (f"catalog/account/projects.yaml:{line}: added event {EVENT}\n{NEXT}", "")
    assert PROJECTS.read_text("utf-8") == (
        before
        + """
  project_archived:
    title: Project archived
    description: Someone put a project aside. Recorded when it can no longer be chosen.
    message: "{actor} archived project {project_name}."
    example: {project_id: p-17, project_name: Website}
"""
    )
    assert findings() == []
    assert list(Path("catalog").rglob(".*")) == []


def test_new_event_has_the_given_options(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = PROJECTS.read_text("utf-8")
    assert (
        new(
            *("event", EVENT, "--title", "Project: put aside", "--message", "{reason} - {actor}"),
            *("--failure-message", "{actor} failed."),
            *("--description", "  Someone put a project aside,\nand said why.  " + "It is long. " * 9),
            *("--field", "reason", "--optional", "visibility", "--optional", "visibility"),
            *("--example", "reason=No longer, sadly: used", "--since", "0.1.0"),
        )
        == 0
    )
    assert PROJECTS.read_text("utf-8").removeprefix(before) == (
        """
  project_archived:
    title: "Project: put aside"
    description: >-
      Someone put a project aside, and said why. It is long. It is long. It is long. It is long. It is
      long. It is long. It is long. It is long. It is long.
    message: "{reason} - {actor}"
    failure_message: "{actor} failed."
    since: 0.1.0
    metadata:
      reason: {}
      visibility: {required: false}
    example: {project_id: p-17, project_name: Website, reason: "No longer, sadly: used"}
"""
    )
    assert findings() == []
    assert event_of(EVENT).message == "{reason} - {actor}"


def test_an_underivable_example_value_is_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("field", "label", "--description", "What is on it.", "--pattern", "^[A-Z]{2}-[0-9]{4}$") == 0
    capsys.readouterr()
    before = content()
    assert new("event", EVENT, *SAYS, "--field", "label") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: no example is known for the field label; add --example label=VALUE\n",
    )
    assert content() == before
    assert new("event", EVENT, *SAYS, "--field", "label", "--example", "label=ab") == 1
    assert capsys.readouterr().err.splitlines()[-1] == REFUSED
    assert content() == before
    assert new("event", EVENT, *SAYS, "--field", "label", "--example", "label=AB-1234") == 0
    assert findings() == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [(SAYS[1], 0), ("", 2)])
def test_a_terminal_is_asked_for_the_description(
    typed: str, code: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, talk = content(), Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    monkeypatch.setattr(sys, "stderr", talk)
    assert new("event", EVENT) == code
    assert talk.getvalue().startswith("Description (what happened, and when it is recorded): ")
    assert event_of(EVENT).description == typed if typed else content() == before


def test_a_warning_to_follow_up_is_shown_and_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "account.projects.label_added"
    says = ("--description", "Someone marked the project. Recorded when others see it.")
    assert new("event", key, *says) == 0
    printed, problems = capsys.readouterr()
    assert printed.endswith(f": added event {key}\n{NEXT}")
    assert problems.startswith(f"{printed.partition(': ')[0]}:3: warning AC65")
    assert "label_added has no counterpart such as label_deleted" in problems
    assert new("event", "account.projects.label_deleted", "--description", "A mark was taken away.") == 0
    assert findings() == []


# --- what is refused ---------------------------------------------------------------------------------

NAME = "must be lower-case letters, digits and single underscores, beginning with a letter"
LEVELS = "write one of account, or `auditwright new level billing` adds it"
BILLING = "`auditwright new category account.billing` adds it"


@pytest.mark.parametrize(
    ("thing", "key", "reason"),
    [
        ("event", "account.projects.project_deleted", "already exists at catalog/account/projects.yaml:39"),
        ("category", "account.projects", "already exists at catalog/account/projects.yaml:4"),
        ("field", "reason", "already exists at catalog/fields.yaml:56"),
        ("event", "acount.projects.x", 'the catalog has no level "acount"; did you mean "account"?'),
        ("category", "billing.x", f'the catalog has no level "billing"; {LEVELS}'),
        ("event", "account.project.x", 'level account has no category "project"; did you mean "projects"?'),
        ("event", "account.billing.x", f'level account has no category "billing"; {BILLING}'),
        ("event", "account.projects.Archived", f'event "Archived" {NAME}'),
        ("category", "account./tmp/x", f'category "/tmp/x" {NAME}'),
        ("field", "a: b", f'field "a: b" {NAME}'),
        ("field", "exitCode", f'field "exitCode" {NAME}; write exit_code --stored-as exitCode'),
        ("field", "$ref", f"field \"$ref\" {NAME}; write ref --stored-as '$ref'"),
        ("level", "account", "already exists at catalog/catalog.yaml:11"),
        ("level", "Shop", f'level "Shop" {NAME}'),
    ],
)
def test_an_unknown_place_or_a_taken_name_is_refused(
    thing: str, key: str, reason: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new(thing, key, *SAYS) == 1
    shown = f"{thing} {key} {reason}" if reason.startswith("already") else reason
    assert capsys.readouterr() == ("", f"auditwright: {shown}\n")
    assert content() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "the following arguments are required: THING"),
        (("event",), "the following arguments are required: LEVEL.CATEGORY.EVENT"),
        (
            ("event", EVENT, "--description", " "),
            "say what happened, and when it is recorded, with --description TEXT",
        ),
        (("event", "account.projects"), '"account.projects" must have the form LEVEL.CATEGORY.EVENT'),
        (("event", EVENT, "--example", "reason"), "argument --example: 'reason' has no ="),
        (("field", "x", "--values", "a"), "argument --values: 'a' has no ="),
        (
            ("field", "x", *SAYS, "--type", "list of enum"),
            "a field of type list of enum needs its values; add --values low=Low high=High",
        ),
        (("level", "a.b", *SAYS), '"a.b" must have the form NAME'),
        (("field", "x", "--min", "much"), "argument --min: 'much' is not a number"),
        (
            ("event", EVENT, *SAYS, "--field", "reason", "--optional", "reason"),
            "--field and --optional both name reason; give one of them",
        ),
    ],
)
def test_wrong_options_are_wrong_usage(
    arguments: tuple[str, ...], reason: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new(*arguments) == 2
    printed, problems = capsys.readouterr()
    assert (printed, problems.splitlines()[-1].partition("error: ")[2]) == ("", reason)
    assert content() == before


def test_a_missing_catalog_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("event", EVENT, *SAYS, "--catalog", "nowhere") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: cannot read nowhere: there is no such folder; "
        "name the folder of catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR\n",
    )


@pytest.mark.parametrize(
    ("thing", "key", "arguments", "found"),
    [
        ("event", "account.projects.import", (), "NAME: AC210"),
        ("event", f"account.projects.{'a' * 60}", (), "NAME: AC211"),
        ("event", EVENT, ("--field", "reasn"), "--field: AC106"),
        ("event", EVENT, ("--optional", "zzz"), "--optional: AC106"),
        ("event", EVENT, ("--example", "reason=Old"), "--example: AC502"),
        ("event", EVENT, ("--example", "user_id=u-1"), "--example: AC502"),
        ("event", EVENT, ("--example", "project_id="), "--example: AC502"),
        ("event", EVENT, ("--description", "Todo: write this."), "--description: AC306"),
        ("event", EVENT, ("--description", "no sentence"), "--description: AC302"),
        (
            "event",
            EVENT,
            ("--description", "Not all of it is UTF-8. " * 9 + "\udcff"),
            "--description: AC001",
        ),
        ("event", EVENT, ("--message", "{actr} did it."), "--message: AC504"),
        ("event", EVENT, ("--message", "{actor!r}"), "--message: AC507"),
        ("event", EVENT, ("--failure-message", "{actr} failed."), "--failure-message: AC504"),
        ("event", EVENT, ("--message", "\udcff"), "--message: AC001"),
        ("event", EVENT, ("--title", "Project deleted"), "--title: AC116"),
        ("event", EVENT, ("--title", "a\x07b"), "--title: AC001"),
        ("event", EVENT, ("--title", "a\u2028b"), "--title: AC001"),
        ("event", EVENT, ("--title", "a\nb"), "--title: AC012"),
        ("event", EVENT, ("--since", "9.0.0"), "--since: AC"),
        ("event", EVENT, ("--since", "1.0"), "--since: AC"),
        ("category", "account.session", (), "NAME: AC210"),
        ("field", "actor", (), "NAME: AC210"),
        ("field", "a" * 64, (), "NAME: AC211"),
        ("field", "token", (), "NAME: AC"),
        ("field", "size", ("--type", "strng"), "--type: AC"),
        ("field", "size_id", ("--target", "Size"), "--target: AC012"),
        ("field", "size_id", ("--target", "size", "--type", "url"), "--target: AC414"),
        ("field", "size", ("--min", "3"), "--min: AC"),
        ("field", "kind", ("--type", "enum", "--values", "a=A"), "--values: AC406"),
        ("level", "session", (), "NAME: AC210"),
        ("level", "tool", ("--optional", "zzz"), "--optional: AC106"),
        ("level", "tool", ("--title", "Account-level events"), "--title: AC116"),
    ],
)
def test_change_that_check_refuses_is_not_written(
    thing: str,
    key: str,
    arguments: tuple[str, ...],
    found: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = content()
    assert new(thing, key, *SAYS, *arguments) == 1
    printed, problems = capsys.readouterr()
    first, *_, last = problems.splitlines()
    assert printed == ""
    option, code = found.split(": ")
    assert re.match(f"{option}: (error|warning) {code}", first)
    assert last == REFUSED
    assert content() == before


@pytest.mark.parametrize(("field", "code"), [("reasn", "AC106"), ("Reason", "AC201")])
def test_only_unknown_fields_give_no_other_finding(
    field: str, code: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new("category", "account.sites", "--description", "Sites of the account.") == 0
    capsys.readouterr()
    assert new("event", "account.sites.site_found", *SAYS, "--field", field) == 1
    found, last = capsys.readouterr().err.splitlines()
    assert found.startswith(f"--field: error {code}")
    assert last == REFUSED


def test_an_event_without_fields_has_an_empty_example(project: Path) -> None:
    assert new("category", "account.sites", "--description", "Sites of the account.") == 0
    assert new("event", "account.sites.site_found", *SAYS) == 0
    assert event_of("account.sites.site_found").example == {}


def test_a_hint_names_the_option_to_give(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("field", "api_token", *SAYS) == 1
    assert capsys.readouterr().err.splitlines() == [
        "NAME: error AC602 unclassified-field: field api_token has a name like a credential and has no "
        "sensitivity; write --sensitivity secret, or public if it is not one",
        REFUSED,
    ]


def test_a_finding_below_the_new_entry_keeps_its_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CATALOG.write_text(
        CATALOG.read_text("utf-8") + 'suppress: {AC652: {reason: For now, until: "2199-01-01"}}\n', "utf-8"
    )
    line = CATALOG.read_text("utf-8").count("\n")
    assert findings() == [
        f"catalog/catalog.yaml:{line}:12: warning AC952 unused-suppression: suppression of AC652 has no "
        "effect here; remove it"
    ]
    assert new("level", "session", *SAYS) == 1
    assert capsys.readouterr().err.startswith("NAME: error AC210 reserved-name: ")
    assert new("level", "tool", *SAYS) == 0
    assert findings()[-1].startswith(f"catalog/catalog.yaml:{line + 4}:12: warning AC952")


@pytest.mark.parametrize("folder", ["catalog", "my catalog"])
def test_the_command_that_check_proposes_adds_the_field(
    folder: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = PROJECTS.read_text("utf-8").replace("      reason: {required: false}\n", "      invoice: {}\n")
    PROJECTS.write_text(used.replace("reason: Replaced by another one", "invoice: i-1"), "utf-8")
    Path("catalog").rename(folder)
    where = [] if folder == "catalog" else ["--catalog", folder]
    assert run(cli.check, *where) == 1
    (command,) = re.findall("; `auditwright new (.*)` adds it to fields.yaml\n", capsys.readouterr().out)
    assert command == " ".join(["field invoice", *map(shlex.quote, where)])
    assert new(*shlex.split(command), "--description", "What the project was paid with.") == 0
    printed, notes = capsys.readouterr()
    assert printed.startswith(f"{folder}/fields.yaml:")
    assert notes == ""
    assert [each.code for each in read_catalog(Path(folder)).findings] == ["AC110"]


def test_other_errors_do_not_hinder_a_field(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = PROJECTS.read_text("utf-8").replace("reason: {required: false}", "invoice: {}")
    PROJECTS.write_text(text, "utf-8")
    assert new("field", "invoice", "--description", "What the project was paid with.") == 0
    assert "error AC502 invalid-example" in capsys.readouterr().err
    FIELDS.write_text(FIELDS.read_text("utf-8") + "invoice: {}\n", "utf-8")
    assert new("field", "voucher", "--description", "What the project was paid with.") == 1
    assert "catalog/fields.yaml" in capsys.readouterr().err


def test_a_catalog_with_errors_is_not_added_to(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PROJECTS.write_text(PROJECTS.read_text("utf-8").replace("order", "odrer") + "extra: 1\n", "utf-8")
    before = content()
    assert new("event", EVENT, *SAYS) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("catalog/account/projects.yaml:")
    assert 'unknown key "extra"' in first
    assert last == "auditwright: nothing was added: correct the errors in the catalog first"
    assert content() == before


def test_earlier_warnings_do_not_matter(project: Path) -> None:
    FIELDS.write_text(
        FIELDS.read_text("utf-8") + "\nspare: {title: Spare, type: string, description: Not used.}\n", "utf-8"
    )
    assert len(findings()) == 1
    assert new("event", EVENT, *SAYS) == 0
    assert len(findings()) == 1


def test_events_in_braces_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, _, _ = PROJECTS.read_text("utf-8").partition("events:")
    PROJECTS.write_text(
        head + "events: {ended: {title: Ended, description: It is over., message: Over., "
        "example: {project_id: p, project_name: q}}}\n",
        "utf-8",
    )
    before = content()
    line = head.count("\n") + 1
    assert new("event", EVENT, *SAYS) == 1
    assert capsys.readouterr().err == (
        "auditwright: nothing can be added to catalog/account/projects.yaml: "
        f"line {line} holds a mapping in braces; write each entry on its own lines\n"
    )
    assert content() == before


# --- files as people keep them -----------------------------------------------------------------------


def test_line_ends_byte_order_mark_and_mode_are_kept(project: Path) -> None:
    old = b"\xef\xbb\xbf" + PROJECTS.read_bytes().replace(b"\n", b"\r\n")
    PROJECTS.write_bytes(old)
    PROJECTS.chmod(0o640)
    assert new("event", EVENT, *SAYS) == 0
    text = PROJECTS.read_bytes()
    assert text.startswith(old)
    assert text.count(b"\n") == text.count(b"\r\n")
    assert text.count(b"\xef\xbb\xbf") == 1
    assert PROJECTS.stat().st_mode & 0o777 == 0o640
    assert findings() == []


def test_the_file_behind_a_symbolic_link_is_changed(project: Path) -> None:
    elsewhere = CATALOG.with_name("elsewhere.txt")
    PROJECTS.rename(elsewhere)
    PROJECTS.symlink_to(elsewhere.resolve())
    assert new("event", EVENT, *SAYS) == 0
    assert PROJECTS.is_symlink()
    assert b"project_archived:" in elsewhere.read_bytes()


# --- levels ------------------------------------------------------------------------------------------


def test_a_level_is_added_after_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = CATALOG.read_text("utf-8")
    assert new("level", "shop", "--description", "What happens in one shop.", "--field", "project_id") == 0
    line = before.count("\n") + 2
    assert capsys.readouterr() == (
        f"catalog/catalog.yaml:{line}: added level shop\nnext: `auditwright new category shop.NAME`\n",
        f'catalog/catalog.yaml:{line}:3: warning AC111 empty: level "shop" has no category; add '
        "shop/<category>.yaml, or remove the level\n",
    )
    assert CATALOG.read_text("utf-8") == (
        before
        + """
  shop:
    title: Shop events
    description: What happens in one shop.
    metadata:
      project_id: {}
"""
    )
    assert new("category", "shop.orders", "--description", "Orders, from placing to paying.") == 0
    says = ("--description", "Someone ordered. Recorded when it is paid.")
    assert new("event", "shop.orders.order_placed", *says) == 0
    assert findings() == []
    assert event_of("shop.orders.order_placed").example == {"project_id": "p-17"}


# --- categories --------------------------------------------------------------------------------------


def test_a_category_is_a_file_without_events(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content()
    says = ("--description", "What the account pays for.")
    assert new("category", "account.billing", *says, "--field", "project_id", "--optional", "reason") == 0
    printed, problems = capsys.readouterr()
    assert printed == (
        "catalog/account/billing.yaml:2: added category account.billing\n"
        "next: `auditwright new event account.billing.NAME`\n"
    )
    assert problems == (
        "catalog/account/billing.yaml:8:1: warning AC111 empty: "
        'category "billing" has no events; add one, or remove the file\n'
    )
    assert Path("catalog/account/billing.yaml").read_text("utf-8") == (
        """# yaml-language-server: $schema=../../generated/language/category.json
category: billing
title: Billing
description: What the account pays for.
metadata:
  project_id: {}
  reason: {required: false}
events: {}
"""
    )
    assert {name: data for name, data in content().items() if "billing" not in name} == before
    assert new("event", "account.billing.invoice_paid", "--description", "The money has arrived.") == 0
    assert findings() == []
    assert (
        Path("catalog/account/billing.yaml")
        .read_text("utf-8")
        .endswith(
            """
events:
  invoice_paid:
    title: Invoice paid
    description: The money has arrived.
    message: "{actor} paid an invoice."
    example: {project_id: p-17}
"""
        )
    )


def test_a_category_comes_last_in_the_order(project: Path) -> None:
    PROJECTS.write_text(PROJECTS.read_text("utf-8").replace("title: P", "order: 7\ntitle: P", 1), "utf-8")
    assert new("category", "account.billing", "--description", "What the account pays for.") == 0
    assert "\norder: 8\n" in Path("catalog/account/billing.yaml").read_text("utf-8")
    says = ("--description", "Who works in the account.")
    assert new("category", "account.teams", *says, "--order", "2", "--title", "Groups") == 0
    text = Path("catalog/account/teams.yaml").read_text("utf-8")
    assert "category: teams\norder: 2\ntitle: Groups\n" in text


def start_from_nothing() -> None:
    """Leaves only catalog.yaml, with a second level and without fields."""
    PROJECTS.unlink()
    FIELDS.unlink()
    text = CATALOG.read_text("utf-8").replace("    metadata: [user_id, ip_address]\n", "")
    CATALOG.write_text(text + "  tool:\n    title: Tools\n    description: In one tool.\n", "utf-8")


def test_the_first_category_of_a_level_makes_its_folder(project: Path) -> None:
    start_from_nothing()
    assert new("category", "tool.runs", "--description", "One use of a tool.") == 0
    head = Path("catalog/tool/runs.yaml").read_text("utf-8").splitlines()[0]
    assert head == "# yaml-language-server: $schema=../../generated/language/category.json"


def test_without_schemas_a_category_refers_to_none(project: Path) -> None:
    for path in Path("catalog").rglob("*.yaml"):
        path.write_text(path.read_text("utf-8").partition("\n")[2], "utf-8")
    assert new("category", "account.billing", "--description", "What the account pays for.") == 0
    assert Path("catalog/account/billing.yaml").read_text("utf-8").startswith("category: billing\n")


# --- fields ------------------------------------------------------------------------------------------


def test_a_field_is_added_after_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = FIELDS.read_text("utf-8")
    assert new("field", "archive_reason", "--description", "Why it was put aside.") == 0
    line = before.count("\n") + 2
    printed, problems = capsys.readouterr()
    assert printed == (
        f"catalog/fields.yaml:{line}: added field archive_reason\n"
        "next: `auditwright new event ... --field archive_reason`\n"
    )
    assert problems.startswith(f"catalog/fields.yaml:{line}:1: warning AC110 unused-field: ")
    assert FIELDS.read_text("utf-8") == (
        before
        + """
archive_reason:
  title: Archive reason
  type: string
  description: Why it was put aside.
"""
    )
    assert new("event", EVENT, *SAYS, "--field", "archive_reason") == 0
    assert findings() == []
    assert event_of(EVENT).example["archive_reason"] == "Archive reason"


def test_new_field_has_the_given_options(project: Path) -> None:
    before = FIELDS.read_text("utf-8")
    says = ("--description", "How it went.")
    values = ("--values", "all_good=All good", "bad=Bad: very", "no=No")
    assert new("field", "outcomes", "--type", "list of enum", *says, *values, "--max-items", "3") == 0
    says = ("--description", "How long it took.")
    assert (
        new(
            "field",
            "took",
            "--type",
            "number",
            *says,
            "--unit",
            "seconds",
            "--min",
            "0.5",
            "--stored-as",
            "tookSeconds",
        )
        == 0
    )
    says = ("--description", "Who is told.")
    assert new("field", "owner_email", "--type", "email", *says, "--sensitivity", "personal") == 0
    assert FIELDS.read_text("utf-8").removeprefix(before) == (
        """
outcomes:
  title: Outcomes
  type: list of enum
  values: {all_good: All good, bad: "Bad: very", "no": "No"}
  max_items: 3
  description: How it went.

took:
  title: Took
  type: number
  stored_as: tookSeconds
  unit: seconds
  min: 0.5
  description: How long it took.

owner_email:
  title: Owner email
  type: email
  sensitivity: personal
  description: Who is told.
"""
    )


def test_the_first_field_makes_the_file(project: Path) -> None:
    start_from_nothing()
    assert new("field", "size", "--type", "integer", "--description", "How much it holds.") == 0
    assert FIELDS.read_text("utf-8") == (
        """# yaml-language-server: $schema=../generated/language/fields.json
size:
  title: Size
  type: integer
  description: How much it holds.
"""
    )


def test_the_next_command_names_another_folder(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("catalog").rename("my catalog")
    assert new("event", EVENT, *SAYS, "--catalog", "my catalog") == 0
    assert capsys.readouterr().out.splitlines()[-1] == ("next: `auditwright generate --catalog 'my catalog'`")
    monkeypatch.chdir("my catalog/account")
    says = ("--description", "It can be found again from now on.")
    assert new("event", "account.projects.project_found", *says, "--catalog", "..") == 0
    assert read_source(Path(".."))[1] == []
    assert os.listdir() == ["projects.yaml"]  # noqa: PTH208 - with hidden files


# --- annotations -------------------------------------------------------------------------------------

KEYS = """\
annotation_keys:
  owner: {title: Owner, type: string, for: [category, event, field], required: true}
  controls: {title: Controls, type: list of string, for: [event]}
  retention: {title: Retention, type: integer}
  paged: {title: Paged, type: boolean}
annotations: {retention: 400}
levels:
"""


def test_a_required_annotation_is_asked_for_and_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CATALOG.write_text(CATALOG.read_text("utf-8").replace("levels:\n", KEYS, 1), "utf-8")
    for path in Path("catalog").rglob("*.yaml"):
        text = path.read_text("utf-8")
        if path == FIELDS:
            text = re.sub(r"^([a-z_]+:)\n", r"\1\n  annotations: {owner: all}\n", text, flags=re.MULTILINE)
        elif path != CATALOG:
            text += "annotations: {owner: all, paged: true}\n"
        path.write_text(text, "utf-8")
    before = content()
    says = ("--description", "Why it was put aside.")
    capsys.readouterr()
    assert new("field", "archive_reason", *says) == 1
    assert capsys.readouterr().err.splitlines()[0] == (
        "NAME: error AC804 missing-annotation: field archive_reason has no annotation owner, "
        "which catalog.yaml requires; add --annotation owner=... with text"
    )
    assert content() == before
    assert new("field", "archive_reason", *says, "--annotation", "owner=growth") == 0
    notes = ("--annotation", "controls=SOC 2, PCI DSS 10.2", "--annotation", "retention=30")
    fields = ("--field", "archive_reason", *notes, "--annotation", "paged=false")
    assert new("event", EVENT, *SAYS, *fields) == 0
    written = "    annotations: {controls: [SOC 2, PCI DSS 10.2], retention: 30, paged: false}\n"
    assert written in PROJECTS.read_text("utf-8")
    assert event_of(EVENT).annotations == {
        "controls": ["SOC 2", "PCI DSS 10.2"],
        "retention": 30,
        "paged": False,
    }
    capsys.readouterr()
    assert new("event", f"{EVENT}_again", *SAYS, "--annotation", "retention=long") == 1
    assert "--annotation: error AC803 wrong-annotation: " in capsys.readouterr().err
    assert (
        new("category", "account.billing", "--description", "What is paid.", "--annotation", "owner=money")
        == 0
    )
