"""Search in descriptions: ignores case, has no wildcards, combines with filter and time range."""

import io
import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, insert_row
from tests.support.sample_events import ADDED, KEY_CREATED, LONG_AGO, MODEL, any_text, record

from auditwright import AccountLog, Actor, AuditLog, Entry, Filter, FilterError
from auditwright.limits import sanitize
from auditwright.storage.sqlite import queries as sqlite_queries


@pytest.mark.parametrize(
    ("described", "search"),
    [
        ("The Llama model", "llama"),
        ("the llama model", "LLAMA MOD"),
        ("Élodie Dupré", "éLODIE dUPRÉ"),
        ("Яна", "яНА"),
        ("ΟΔΟΣ", "οδος"),
        ("οδος", "ΟΔΟΣ"),
        ("Straße", "STRAẞE"),
        ("Ǆungla", "ǆun"),
        ("ǅungla", "ǄUN"),
        ("5 Ω at 3 µm", "ω AT 3 Μ"),  # the Ohm sign and omega, the micro sign and capital mu
        ("100%_*?[a-z]^\\", "%_*?[A-Z]^\\"),
        ("100%_*?[é]^\\", "%_*?[É]^\\"),
        ("a\nb\tc", "A\nB\tC"),
        ("NUL \0 stays", "nul \0 stays"),
        ("half \ud83d é", "HALF \ud800 É"),  # stored and searched as U+FFFD
        ("日本語の監査", "本語の"),
        ("😀😀😀", "😀😀😀"),
    ],
)
def test_a_text_is_found_in_any_case(log: AuditLog, acme: AccountLog, described: str, search: str) -> None:
    entry = record(log, KEY_CREATED, details=described)
    record(log, KEY_CREATED, details="something else")
    assert acme.entries(search=search).entries == (entry,)


@pytest.mark.parametrize(
    ("described", "search"),
    [
        ("axxb", "a%b"),
        ("axb", "a_b"),
        ("axb", "a?b"),
        ("axxb é", "a*b é"),
        ("axb é", "a?b é"),
        ("abc é", "[a]bc é"),
        ("100", "100%"),
        ("a\\b", "a\\\\b"),
        ("elodie", "élodie"),
        ("Strasse", "straße"),
    ],
)
def test_no_character_stands_for_others(log: AuditLog, acme: AccountLog, described: str, search: str) -> None:
    record(log, KEY_CREATED, details=described)
    assert acme.entries(search=search).entries == ()


def test_only_the_description_is_searched(log: AuditLog, acme: AccountLog, database: Database) -> None:
    insert_row(database, log.catalog, actor_name="needle", metadata='{"model_id": "needle"}')
    assert acme.count(search="needle") == 0


def test_search_combines_with_filter_and_range_in_every_read(log: AuditLog, acme: AccountLog) -> None:
    def model(name: str, minute: int, user: str = "u-1") -> Entry:
        moment = LONG_AGO + timedelta(minutes=minute)
        metadata = MODEL | {"model_name": name, "deployment_name": "prod-eu"}
        return record(log, ADDED, metadata, occurred_at=moment, actor=Actor.user(user, "N"))

    model("Äpfel", 0)
    wanted = [model("äpfel", minute) for minute in range(1, 6)]
    model("Äpfel", 2, user="u-2")
    model("Birnen", 3)
    record(log, KEY_CREATED, details="Äpfel", occurred_at=wanted[2].occurred_at, actor=Actor.user("u-1"))
    model("Äpfel", 6)
    where = Filter.parse(["category:is:account.models", "user:is:u-1"])
    narrowed: dict[str, Any] = {
        "since": wanted[0].occurred_at,
        "until": LONG_AGO + timedelta(minutes=6),
        "search": "ÄPFEL",
    }

    newest_first = wanted[::-1]
    assert list(acme.all(where, **narrowed)) == newest_first
    assert acme.count(where, **narrowed) == 5
    first = acme.entries(where, limit=3, **narrowed)
    assert first.next is not None
    rest = acme.entries(where, limit=3, after=first.next, **narrowed)
    assert [*first.entries, *rest.entries] == newest_first
    assert rest.next is None
    assert acme.export_csv(io.BytesIO(), where, **narrowed) == 5
    assert acme.export_csv(io.BytesIO(), where, after=first.next, **narrowed) == 2
    stream = io.BytesIO()
    assert acme.export_jsonl(stream, where, **narrowed) == 5
    assert b"".join(acme.stream("jsonl", where, **narrowed)) == stream.getvalue()


def test_a_search_goes_through_every_branch_of_a_filter(log: AuditLog, acme: AccountLog) -> None:
    wanted = [record(log, KEY_CREATED, actor=Actor.user(f"u-{number}", "Zoë")) for number in range(3)]
    record(log, KEY_CREATED, actor=Actor.user("u-1", "Ada"))
    record(log, KEY_CREATED, actor=Actor.user("u-9", "Zoë"))
    where = Filter.parse([f"user:is:u-{number}" for number in range(3)], match="any")
    assert list(acme.entries(where, search="ZOË").entries) == wanted[::-1]


@pytest.mark.parametrize("search", ["", None])
def test_an_empty_search_is_none(log: AuditLog, acme: AccountLog, search: str | None) -> None:
    for _ in range(3):
        record(log, KEY_CREATED)
    page = acme.entries(limit=2, search=search)
    assert page.next is not None
    assert len(acme.entries(limit=2, after=page.next).entries) == 1


@pytest.mark.parametrize(
    ("search", "got"),
    [("a", 1), ("ab", 2), ("x" * 201, 201), (0, "int"), (False, "bool"), (b"abc", "bytes"), ([], "list")],
)
def test_a_search_out_of_bounds_is_refused(acme: AccountLog, search: Any, got: object) -> None:
    calls: list[Callable[[], object]] = [
        lambda: acme.entries(search=search),
        lambda: list(acme.all(search=search)),
        lambda: acme.count(search=search),
        lambda: acme.export_csv(io.BytesIO(), search=search),
        lambda: acme.export_jsonl(io.BytesIO(), search=search),
        lambda: acme.stream("csv", search=search),
    ]
    for call in calls:
        with pytest.raises(FilterError) as caught:
            call()
        assert str(caught.value) == f"a search is a text of 3 to 200 characters, not {got}"


@pytest.mark.parametrize("search", ["abc", "x" * 200, "[" * 200, "Ʌ" * 200, "ϑ" * 200])
def test_the_bounds_of_a_search_belong_to_it(log: AuditLog, acme: AccountLog, search: str) -> None:
    entry = record(log, KEY_CREATED, details=search.swapcase())
    assert acme.entries(search=search).entries == (entry,)


# Brute force: compare character by character in all cases.

TROUBLE = "éÉяЯσςΣßẞıİkKsSſ\u212a%_*?[]\\^-\ufffd\ufffe\uffff"
texts = any_text(12, often=TROUBLE)
accounts = itertools.count()


def same(one: str, other: str) -> bool:
    if one == other or {one, other} <= set("\ufffd\ufffe\uffff"):  # SQLite reads the last two as U+FFFD
        return True
    return one.casefold() == other.casefold() and one.isascii() == other.isascii()


def found_in(text: str, description: str) -> bool:
    return any(all(map(same, text, description[start:])) for start in range(len(description) - len(text) + 1))


@st.composite
def searches(draw: st.DrawFn) -> tuple[list[str], str]:
    """Descriptions, and often a part of one in other case."""
    descriptions = [sanitize(each) for each in draw(st.lists(texts, min_size=1, max_size=6))]
    if draw(st.booleans()):
        return descriptions, draw(texts.filter(lambda text: len(text) >= 3))
    inner = draw(any_text(8, least=3, often=TROUBLE))
    descriptions.append(draw(texts.map(sanitize)) + sanitize(inner) + draw(texts.map(sanitize)))
    changes: list[Callable[[str], str]] = [str.lower, str.upper, str.title, str.casefold, str.strip]
    changed = [(draw(st.sampled_from(changes))(each), each) for each in inner]
    return descriptions, "".join(new if len(new) == 1 else old for new, old in changed)


@given(searches())
@example((["kKſs\u212a"], "KK\u017fS\u212a"))
@example((["é\uffff\ufffe"], "É\ufffd\ufffd"))
@settings(max_examples=examples(150))
def test_search_equals_a_brute_force_search(
    log: AuditLog, database: Database, made: tuple[list[str], str]
) -> None:
    descriptions, search = made
    account = f"a-{next(accounts)}"
    write(database, log, account, descriptions)
    everything = [entry.description for entry in log.account(account).all()]
    assert sorted(everything) == sorted(descriptions)
    wanted = [each for each in everything if found_in(sanitize(search), each)]
    assert [entry.description for entry in log.account(account).all(search=search)] == wanted


def write(database: Database, log: AuditLog, account: str, descriptions: Sequence[str]) -> None:
    row = insert_row(database, log.catalog, account_id=account, description=descriptions[0])
    database.insert(
        *(
            row | {"id": row["id"][:-2] + number.to_bytes(2, "big"), "description": description}
            for number, description in enumerate(descriptions[1:], 1)
        )
    )


def test_every_letter_with_cases_is_known() -> None:
    classes = sqlite_queries._classes()
    unknown = [
        each
        for each in map(chr, range(0x110000))
        for other in (each.lower(), each.upper())
        if len(other) == 1 and other != each and each.isascii() == other.isascii()
        if other not in classes.get(each, "") and each.casefold() == other.casefold()
    ]
    assert unknown == []
