"""An emitter call without storage, compared with pydantic's validation of the same metadata."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from tests.benchmarks.measure import print_table, side_by_side

from audit_events import CATALOG, AuditEvents
from auditwright import Actor, SecretKey
from auditwright.context import acting
from auditwright.recording.recorder import Recorder

CALLS = 200


class WithoutStorage:
    """Replaces the log; an emitter call ends with the finished entry."""

    catalog = CATALOG

    def __init__(self) -> None:
        recorder = Recorder(CATALOG, "acme", SecretKey.generate("k1"))
        self.record_event = recorder.entry
        self.record_event_async = recorder.entry


def run() -> None:
    """Measure all 78 events, then the smallest and the largest one."""
    audit = AuditEvents(WithoutStorage())  # type: ignore[arg-type]
    events = list(CATALOG.events.values())
    by_size = sorted(events, key=lambda event: len(event.example))
    for title, chosen in (
        ("all 78 events", events),
        (f"{by_size[0].key}, no field", by_size[:1] * 78),
        (f"{by_size[-1].key}, {len(by_size[-1].example)} fields", by_size[-1:] * 78),
    ):
        emitters = [(attrgetter(event.key)(audit), event.example) for event in chosen]
        validators: list[tuple[Any, dict[str, Any]]] = [
            (CATALOG.model(event).__pydantic_validator__.validate_python, event.example) for event in chosen
        ]

        def validate(validators: list[tuple[Any, dict[str, Any]]] = validators) -> None:
            for _ in range(CALLS):
                for check, example in validators:
                    check(example)

        def emit(emitters: list[tuple[Any, dict[str, Any]]] = emitters) -> None:
            for _ in range(CALLS):
                for call, example in emitters:
                    call(**example)

        with acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
            emit()
            results = side_by_side(
                {"pydantic validate_python": validate, "emitter without storage": emit},
                units=CALLS * len(chosen),
                rounds=15,
            )
        print_table(f"Emitter: {title}", results, "us an event", 1e6)
