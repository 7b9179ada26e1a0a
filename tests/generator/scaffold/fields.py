"""Fields for the tests of this folder."""

from auditwright_generator.model import Field


def field(name: str, kind: str = "string", **facts: object) -> Field:
    given: dict[str, object] = {
        "title": name, "description": "", "many": False, "required": True, "when": (), "declared_in": "event",
    }  # fmt: skip
    return Field(name=name, kind=kind, **{**given, **facts})  # type: ignore[arg-type]
