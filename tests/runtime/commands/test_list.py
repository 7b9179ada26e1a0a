"""`auditwright list`."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable

import pytest
from tests.support.command_line import SCANNER, Auditwright

from audit_events import CATALOG
from auditwright.storage import scan

HEAD = "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address\r\n"
ADA = (
    "2026-01-02 03:04:05.678,Input scanner added,Guardrails,"
    '"Ada Lovelace added an input scanner to tool t-4.","Ada Lovelace",192.0.2.1\r\n'
)
PIPELINE = (
    '2026-01-02 04:00:00.000,API Key created,Models,"Pipeline created an API key for model Llama.",'
    '"Pipeline",192.0.2.1\r\n'
)
ACME = ("list", "--account", "acme")
CATEGORIES = ", ".join(category.key for category in CATALOG.every_category)
WRONG_FILTERS = {
    "category:is:account.modls": '"account.modls" is not a category; did you mean "account.models"? '
    f"(there are {CATEGORIES})",
    "event:is:account.models.model_delete": '"account.models.model_delete" is not an event of audit_events '
    '1.1.0; did you mean "account.models.model_deleted"? (`auditwright events` lists all)',
    "categry:is:x": "a condition's field is one of category, event, user, on_behalf_of, outcome, target, "
    "not 'categry'; "
    'did you mean "category"?',
    "user:like:x": "a condition's operator is one of is, is_not, not 'like'",
    "user:is:": "the value of user is is a string of 1 to 256 characters",
    "x": "a condition is written field:operator:value, such as category:is:account.models, not 'x'",
}


def csv_of(run: Auditwright, *options: str) -> str:
    done = run(*ACME, "--format", "csv", *options)
    assert done.code == 0
    return done.out.removeprefix(HEAD)


def ids(run: Auditwright) -> list[str]:
    return [form["id"] for form in json.loads(run(*ACME, "--format", "json").out)]


def test_table_is_newest_first(recorded: Auditwright) -> None:
    done = recorded(*ACME)
    newer, older = ids(recorded)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "Date and Time (UTC)      Event Name           Category    "
        "Description                                       User or App Name  IP Address  ID",
        "2026-01-02 04:00:00.000  API Key created      Models      "
        f"Pipeline created an API key for model Llama.      Pipeline          192.0.2.1   {newer}",
        "2026-01-02 03:04:05.678  Input scanner added  Guardrails  "
        f"Ada Lovelace added an input scanner to tool t-4.  Ada Lovelace      192.0.2.1   {older}",
    ]


@pytest.fixture
def on_terminal(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """The lines of the list on a terminal of so many columns."""

    def lines(columns: int) -> list[str]:
        with monkeypatch.context() as patched:
            patched.setenv("COLUMNS", str(columns))
            patched.setattr(sys.stdout, "isatty", lambda: True)
            return recorded(*ACME).out.splitlines()

    return lines


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (60, ["Date and Time (UTC)", "Description", "ID"]),
        (80, ["Date and Time (UTC)", "Event Name", "Description", "ID"]),
        (100, ["Date and Time (UTC)", "Event Name", "Description", "User or App Name", "ID"]),
        (
            120,
            ["Date and Time (UTC)", "Event Name", "Category", "Description", "User or App Name", "IP Address",
             "ID"],
        ),
    ],
)  # fmt: skip
def test_table_fits_the_terminal(
    recorded: Auditwright, on_terminal: Callable[[int], list[str]], columns: int, titles: list[str]
) -> None:
    head, *lines = on_terminal(columns)
    assert re.split("  +", head) == titles
    assert max(map(len, lines)) <= columns
    assert all("…" in line for line in lines)
    assert [line[:25] for line in lines] == ["2026-01-02 04:00:00.000  ", "2026-01-02 03:04:05.678  "]
    assert [line.split()[-1] for line in lines] == [each[:13] for each in ids(recorded)]


def test_wide_terminal_shows_whole_ids(
    recorded: Auditwright, on_terminal: Callable[[int], list[str]]
) -> None:
    assert [line.split()[-1] for line in on_terminal(200)[1:]] == ids(recorded)
    assert [line.split()[-1] for line in on_terminal(160)[1:]] == [each[:13] for each in ids(recorded)]


def test_shown_beginnings_of_ids_differ(
    recorded: Auditwright, on_terminal: Callable[[int], list[str]]
) -> None:
    for microsecond in ("000100", "000200"):
        recorded("record", SCANNER, "--metadata", '{"tool_id": "t-9"}', "--account", "acme", "--occurred-at",
                 f"2026-01-02T04:00:00.{microsecond}Z")  # fmt: skip
    shown = [line.split()[-1] for line in on_terminal(80)[1:]]
    assert shown == [each[:18] for each in ids(recorded)]
    for each in shown:
        assert recorded("show", each, "--account", "acme").code == 0


def test_json_has_every_entry(recorded: Auditwright) -> None:
    done = recorded(*ACME, "--format", "json", "--limit", "1")
    (form,) = json.loads(done.out)
    assert (form["event"], form["metadata"]["model_type"]) == (
        "account.models.api_key_created",
        "open_source",
    )
    assert done.err.startswith("older entries: --after ")


@pytest.mark.sqlite_only
def test_csv_has_every_entry(recorded: Auditwright) -> None:
    done = recorded(*ACME, "--format", "csv")
    assert (done.code, done.out, done.err) == (0, HEAD + PIPELINE + ADA, "")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--where", "category:is:account.models"], PIPELINE),
        (["--where", "category:is_not:account.models"], ADA),
        (["--where", f"event:is:{SCANNER}"], ADA),
        (["--where", "user:is:ci"], PIPELINE),
        (["--where", "user:is_not:ci"], ADA),
        (["--where", "user:is:ci", "--where", f"event:is:{SCANNER}"], ""),
        (["--where", "user:is:ci", "--where", f"event:is:{SCANNER}", "--match", "any"], PIPELINE + ADA),
        (["--from", "2026-01-02T04:00"], PIPELINE),
        (["--to", "2026-01-02T03:59"], ADA),
        (["--to", "2026-01-02T04:00"], PIPELINE + ADA),
        (["--to", "2026-01-02T04:00:00"], ADA),
        (["--to", "2026-01-02T05:00:00+01:00"], ADA),
        (["--from", "2026-01-02", "--to", "2026-01-02"], PIPELINE + ADA),
        (["--from", "2026-01-01", "--to", "2026-01-01"], ""),
        (["--search", "api KEY"], PIPELINE),
        (["--search", "LLAMA", "--where", "user:is:u-17"], ""),
        (["--search", ""], PIPELINE + ADA),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_selection_options_select_entries(recorded: Auditwright, options: list[str], expected: str) -> None:
    assert csv_of(recorded, *options) == expected


@pytest.mark.parametrize("command", [("list",), ("count",), ("export", "--output", "a.csv")], ids=str)
def test_a_reversed_range_is_an_error(recorded: Auditwright, command: tuple[str, ...]) -> None:
    done = recorded(*command, "--account", "acme", "--from", "2026-01-02", "--to", "2026-01-01")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: the range ends before it begins: from 2026-01-02 to 2026-01-01\n"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_search_applies_to_every_format(recorded: Auditwright, form: str) -> None:
    done = recorded(*ACME, "--format", form, "--search", "lovelace ADDED")
    assert (done.code, done.err) == (0, "")
    assert "Input scanner added" in done.out or SCANNER in done.out
    assert "Pipeline" not in done.out
    done = recorded(*ACME, "--format", form, "--search", "hopper")
    assert (done.code, done.err) == (0, 'no entry of the account "acme" matches\n')
    done = recorded(*ACME, "--format", form, "--search", "xy")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: a search is a text of 3 to 200 characters, not 2\n"


@pytest.mark.sqlite_only
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_after_reads_the_older_page(recorded: Auditwright, form: str) -> None:
    first = recorded(*ACME, "--format", form, "--limit", "1")
    assert first.err.startswith("older entries: --after ")
    cursor = first.err.split()[-1]
    assert csv_of(recorded, "--limit", "1", "--after", cursor) == ADA
    last = recorded(*ACME, "--format", form, "--after", cursor).err
    assert last.startswith("newer entries: --before ")
    assert len(last.splitlines()) == 1


@pytest.mark.parametrize("form", ["table", "json"])
def test_before_reads_the_newer_page(recorded: Auditwright, form: str) -> None:
    page = (*ACME, "--format", form, "--limit", "1")
    first = recorded(*page)
    second = recorded(*page, *first.err.split()[-2:])
    newer, cursor = second.err.split()[-2:]
    assert (second.code, newer) == (0, "--before")
    back = recorded(*page, "--before", cursor)
    assert (back.code, back.out) == (0, first.out)
    assert recorded(*page, *back.err.split()[-2:]).out == second.out
    recorded("record", SCANNER, "--metadata", '{"tool_id": "t-9"}', "--account", "acme")
    back = recorded(*page, "--before", cursor)
    assert back.out == first.out  # the new entry is on the page before
    (more, after), (less, before) = (
        line.split()[-2:] for line in sorted(back.err.splitlines(), reverse=True)
    )
    assert (more, less) == ("--after", "--before")
    assert recorded(*page, "--after", after).out == second.out
    assert "t-9" in recorded(*page, "--before", before).out


def test_before_is_refused_for_csv(recorded: Auditwright) -> None:
    done = recorded(*ACME, "--format", "csv", "--before", "x")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: --before is not for --format csv; use table or json\n"


def test_ids_are_whole_one_a_line(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    newer, older = ids(recorded)
    done = recorded(*ACME, "--ids")
    assert (done.code, done.out, done.err) == (0, f"{newer}\n{older}\n", "")
    first = recorded(*ACME, "--ids", "--limit", "1")
    assert first.out == f"{newer}\n"
    option, cursor = first.err.split()[-2:]
    assert recorded(*ACME, "--ids", option, cursor).out == f"{older}\n"
    nothing = recorded(*ACME, "--ids", "--search", "hopper")
    assert (nothing.code, nothing.out) == (0, "")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert recorded(*ACME, "--ids").out == done.out


def test_ids_and_format_exclude_each_other(recorded: Auditwright) -> None:
    assert recorded(*ACME, "--ids", "--format", "json").usage_error == (
        "auditwright list: error: argument --format: not allowed with argument --ids"
    )


def test_after_and_before_exclude_each_other(recorded: Auditwright) -> None:
    assert recorded(*ACME, "--before", "x", "--after", "y").usage_error == (
        "auditwright list: error: argument --after: not allowed with argument --before"
    )


def set_scan_budget(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the entries that one page may scan."""
    for name in ("SCAN_BUDGET", "SCATTERED_SCAN_BUDGET"):
        monkeypatch.setattr(scan, name, entries)


SCANNED = "scanned back to 2026-01-02 04:00:00.000 (UTC)"


@pytest.mark.parametrize("form", ["table", "json"])
def test_partial_scan_prints_how_to_continue(
    recorded: Auditwright, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    set_scan_budget(1, monkeypatch)
    search = (*ACME, "--format", form, "--search", "lovelace")
    first = recorded(*search)
    assert (first.code, first.out) == (0, "[]\n" if form == "json" else "")
    text, _, cursor = first.err.strip().rpartition(" ")
    assert text == f"{SCANNED}; no match so far; continue with --after"
    second = recorded(*search, "--after", cursor)
    assert "Ada Lovelace" in second.out
    assert "Pipeline" not in second.out


def test_partial_scan_of_newer_entries_can_continue(
    recorded: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = (*ACME, "--search", "pipeline")
    recorded("record", SCANNER, "--metadata", '{"tool_id": "t-9"}', "--account", "acme", "--occurred-at",
             "2026-01-02T03:30:00Z")  # fmt: skip
    set_scan_budget(3, monkeypatch)
    cursor = recorded(*search).err.split()[-1]
    end = recorded(*search, "--after", cursor)
    set_scan_budget(1, monkeypatch)
    texts, found = list[str](), ""
    nothing, line = end.err.splitlines()
    assert (end.out, nothing) == ("", "no older entry matches")
    while "--before" in line:
        done = recorded(*search, *line.split()[-2:])
        found += done.out
        line = done.err.splitlines()[-1]
        texts.append(line.partition(" (UTC)")[0])
    assert found.count("Pipeline created an API key") == 1
    assert "scanned up to 2026-01-02 03:30:00.000" in texts


def test_csv_of_sparse_matches_reaches_its_limit(
    recorded: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        metadata = json.dumps({"tool_id": "t-7" if number % 2 else "t-5"})
        recorded("record", SCANNER, "--metadata", metadata, "--account", "acme")
    set_scan_budget(2, monkeypatch)
    search, lines = ("--search", "tool t-7", "--limit", "2"), list[str]()
    first = recorded(*ACME, "--format", "csv", *search)
    lines += first.out.splitlines()[1:]
    assert (len(lines), first.err.startswith("older entries: --after ")) == (2, True)
    rest = recorded(*ACME, "--format", "csv", *search, "--after", first.err.split()[-1])
    lines += rest.out.splitlines()[1:]
    assert (len(lines), len(set(lines))) == (3, 3)


def test_cursor_of_another_selection_is_refused(recorded: Auditwright) -> None:
    cursor = recorded(*ACME, "--limit", "1").err.split()[-1]
    done = recorded(*ACME, "--after", cursor, "--where", "user:is:ci")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: the cursor belongs to another account, filter, time range or search; "
        "start again from the first page\n"
    )
    assert recorded(*ACME, "--after", "x").err == (
        "auditwright: the cursor is invalid; start again from the first page\n"
    )


@pytest.mark.parametrize(("form", "out"), [("table", ""), ("json", "[]\n"), ("csv", HEAD)])
def test_empty_result_has_a_hint(recorded: Auditwright, form: str, out: str) -> None:
    done = recorded("list", "--format", form)
    hint = "there are entries of acme, globex: select one by --account"
    assert (done.code, done.out) == (0, out)
    assert done.err == f'the account "default" has no entries; {hint}\n'
    done = recorded("list", "--format", form, "--account", "acme", "--where", "user:is:nobody")
    assert (done.code, done.out, done.err) == (0, out, 'no entry of the account "acme" matches\n')


def test_missing_database_is_not_created(auditwright: Auditwright) -> None:
    done = auditwright("list", "--database", "sqlite:///none.db")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("/none.db: there is no such database; record something, or check its name\n")
    assert auditwright("list", "--database", "sqlite:///none.db") == done


@pytest.mark.parametrize("condition", WRONG_FILTERS)
def test_invalid_filter_is_an_error(recorded: Auditwright, condition: str) -> None:
    done = recorded("list", "--where", condition)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {WRONG_FILTERS[condition]}\n")


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "1e3"])
def test_limit_out_of_range_is_a_usage_error(recorded: Auditwright, limit: str) -> None:
    for form in ("table", "json", "csv"):
        done = recorded("list", "--format", form, f"--limit={limit}")
        assert done.usage_error == (
            f"auditwright list: error: argument --limit: {limit!r} is not a number from 1 to 1000"
        )


def test_control_characters_are_escaped(auditwright: Auditwright) -> None:
    name = "\x1b[31mEve\n\u202eevE\x9b\x07"
    auditwright("record", SCANNER, "--metadata", '{"tool_id": "\\u001b[2J"}', "--actor", f"user:e:{name}")
    shown = r"\x1b[31mEve\n\u202eevE\x9b\x07"
    listed = auditwright("list").out
    assert rf"{shown} added an input scanner to tool \x1b[2J." in listed
    assert len(listed.splitlines()) == 2
    entry_id = json.loads(auditwright("list", "--format", "json").out)[0]["id"]
    whole = auditwright("show", entry_id).out
    assert f"User or App Name:        {shown} (user e)\n" in whole
    assert not {"\x1b", "\u202e", "\x9b", "\x07"} & set(listed + whole)
    assert list(csv.reader(io.StringIO(full_csv_of(auditwright))))[1][4] == name


def full_csv_of(run: Auditwright) -> str:
    return run("list", "--format", "csv").out
