"""The API with the worst bodies of 1 MiB that are known, over catalogs of 78 and 10,000 events.

Each body is one request to record; the CPU is that of the whole answer. The first row of a catalog is a body
of valid entries.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.synthetic import write_catalog

from auditwright import Actor, AuditLog, Catalog
from auditwright.catalog import Event, Field, find_catalog
from auditwright.errors import AuditwrightError
from auditwright.server import Principal
from auditwright.server.api import _record
from auditwright.server.problems import HttpProblem, problem_of

SIZE = 1024 * 1024
ENTRIES = 1000
"""The entries of a body with many, as many as a request may have."""
ROUNDS = 3
SHOWN = 12
KEY = "k1:" + "A" * 43 + "="
CLIENT = Principal(Actor.app("app-ci"), ("acme",), may_record=True, may_impersonate=True)

TEXTS: dict[str, str] = {
    "letters": "a",
    "NUL": "\\u0000",
    "lone surrogates": "\\ud800",
    "lone surrogates and letters": "\\ud800a",
    "four-byte characters": "\U0001f600",
    "escapes": "\\u001b",
    "labels of a host": "a.",
    "signs of e-mail": "@",
    "digits": "1",
}
ITEMS: dict[str, str] = {
    "texts": '"a"',
    "empty texts": '""',
    "NUL": '"\\u0000"',
    "lone surrogates": '"\\ud800"',
    "integers": "1",
    "floats": "1.0",
    "negative zeros": "-0.0",
    "huge exponents": "1e400",
    "huge integers": "99999999999999999999",
    "lists": "[]",
    "objects": "{}",
    "nested lists": "[" * 500 + "]" * 500,
    "texts to truncate": '"' + "b" * 5000 + '"',
}


Bodies = Iterator[tuple[str, bytes]]


def run() -> None:
    """Print the CPU of the worst bodies."""
    print("\n### The worst bodies of 1 MiB\n")
    print("| events | body | bytes | CPU, ms | ratio |\n|---:|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for catalog in (find_catalog("audit_events"), _synthetic(Path(folder), 10_000)):
            url = f"sqlite:///{folder}/{catalog.package}.db"
            with AuditLog.open(url, catalog=catalog, secret_key=KEY) as log:
                _print_worst(log, f"{len(catalog.events):,}")


def _print_worst(log: AuditLog, events: str) -> None:
    """Measure every body once, and the worst of them again."""
    name, valid = next(_bodies(log.catalog))
    _cpu(log, valid)  # makes the model and the validator of the event
    base = min(_cpu(log, valid) for _ in range(ROUNDS))
    print(f"| {events} | {name} | {len(valid):,} | {base * 1000:.0f} | 1.00 |")
    found = [(_cpu(log, body), name, body) for name, body in _bodies(log.catalog)]
    for _, name, body in sorted(found, reverse=True)[:SHOWN]:
        cpu = min(_cpu(log, body) for _ in range(ROUNDS))
        print(f"| {events} | {name} | {len(body):,} | {cpu * 1000:.0f} | {cpu / base:.2f} |", flush=True)


def _cpu(log: AuditLog, body: bytes) -> float:
    started = time.process_time()
    try:
        _record(log, CLIENT, body)
    except AuditwrightError as error:
        problem_of(error).to_json()
    except HttpProblem as problem:
        problem.to_json()
    return time.process_time() - started


def _synthetic(folder: Path, events: int) -> Catalog:
    write_catalog(folder / "catalog", events)
    command = (sys.executable, "-m", "auditwright", "generate", "--catalog", str(folder / "catalog"))
    subprocess.run((*command, "--out", str(folder / "out")), check=True, stdout=subprocess.DEVNULL)
    sys.path.insert(0, str(folder / "out"))
    return find_catalog("synthetic_events")


# --- bodies -----------------------------------------------------------------------------------------


def _bodies(catalog: Catalog) -> Bodies:
    """The name and the bytes of each body; the first has valid entries."""
    widest = max(catalog.events.values(), key=lambda event: len(event.metadata))
    valid = _form(widest.key, json.dumps(widest.example))
    yield "valid entries", _array([valid] * ENTRIES)
    yield from _of_names(catalog, widest, valid)
    chosen: dict[tuple[str, bool, str], tuple[Event, Field]] = {}
    for event in catalog.events.values():
        for field in event.metadata:
            chosen.setdefault((field.kind, field.many, field.sensitivity), (event, field))
    for event, field in chosen.values():
        yield from _of_values(event, field)


def _of_names(catalog: Catalog, widest: Event, valid: str) -> Bodies:
    """Bodies with names that the catalog does not have."""
    keys = list(catalog.events)[:ENTRIES]
    for what, change in (("at the end", "{}{}"), ("at the start", "{1}{0}")):
        unknown = [change.format(key, number) for number, key in enumerate(keys * ENTRIES)][:ENTRIES]
        yield f"unknown events, changed {what}", _array([_form(key, "{}") for key in unknown])
    yield "unknown events of one category", _array([_form(f"{keys[0]}{n}", "{}") for n in range(ENTRIES)])
    for count in (1, ENTRIES):
        room = SIZE // count - len(valid) - 10
        fields = _object(f'"{widest.metadata[0].name}{{}}":1', room)
        yield f"{count:,} x unknown fields", _array([_form(widest.key, fields)] * count)
        parts = _object('"actr{}":1', room)
        yield f"{count:,} x unknown parts", _array([f"{valid[:-1]},{parts[1:]}"] * count)
    wrong = json.dumps({field.name: [{}] for field in widest.metadata})
    yield "every field wrong", _array([_form(widest.key, wrong)] * ENTRIES)
    yield "every field missing", _array([_form(widest.key, "{}")] * ENTRIES)


def _of_values(event: Event, field: Field) -> Bodies:
    """Bodies with hostile values in one field."""
    rest = json.dumps({name: value for name, value in event.example.items() if name != field.name})[:-1]
    start = f'{rest}{"," if len(rest) > 1 else ""}"{field.name}":'
    kind = f"{'list of ' if field.many else ''}{field.kind}, {field.sensitivity}"
    for count in (1, ENTRIES):
        room = max(SIZE // count - len(_form(event.key, start)) - 10, 50)
        for name, part in TEXTS.items():
            text = part * (room // len(part.encode()))
            yield f"{count:,} x {kind}: {name}", _array([_form(event.key, f'{start}"{text}"}}')] * count)
        for name, part in ITEMS.items():
            items = ",".join([part] * (room // (len(part) + 1)))
            yield (
                f"{count:,} x {kind}: list of {name}",
                _array([_form(event.key, f"{start}[{items}]}}")] * count),
            )


def _form(key: str, metadata: str) -> str:
    return f'{{"event":"{key}","metadata":{metadata}}}'


def _object(member: str, room: int) -> str:
    """An object with as many members as there is room for; `{}` in them is their number."""
    size = len(member) + 5
    return "{" + ",".join(member.format(number) for number in range(room // size)) + "}"


def _array(forms: list[str]) -> bytes:
    """The forms in an array, as many as a body of this size has; one alone without."""
    if len(forms) == 1:
        return forms[0].encode()
    fitting = min(len(forms), SIZE // (len(forms[0].encode()) + 1))
    return f"[{','.join(forms[:fitting])}]".encode()
