"""Pydantic models of the metadata, made by datamodel-code-generator: the only place that knows it.

It is given one document a category, the metadata schemas of its events in `$defs`, with every option fixed,
and what it cannot express, the conditions, goes along as `x-when` for the base class to enforce.
"""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

from auditwright_generator.model import Catalog, Category, Event, Level
from auditwright_generator.targets.json_schema import DIALECT, field_schema
from auditwright_generator.targets.templating import python_header

BASE_CLASS = "auditwright.event_model.EventModel"


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/models/<level>/<category>.py`, a class an event."""
    return {f"{catalog.package}/models/{level.name}/{category.name}.py": _module(category)}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/models/__init__.py` and `<package>/models/<level>/__init__.py`."""
    folder = f"{catalog.package}/models"
    head = python_header(f"{catalog.folder}/")
    made = {
        f"{folder}/__init__.py": f'{head}"""The metadata models, a module for each category: '
        f'`{catalog.package}.models.<level>.<category>`."""\n'
    }
    for level in catalog.levels:
        made[f"{folder}/{level.name}/__init__.py"] = (
            f'{head}"""The metadata models of the level {level.name}."""\n'
        )
    return made


def _module(category: Category) -> str:
    document = {
        "$schema": DIALECT,
        "$defs": {event.class_name: _definition(event) for event in category.events},
    }
    return _normalised(_generated(json.dumps(document)), category)


def _definition(event: Event) -> dict[str, Any]:
    when = {field.name: {part.field: list(part.values) for part in field.when} for field in event.metadata}
    return {
        "title": event.class_name,
        "description": _docstring(event.description),
        "type": "object",
        "properties": {
            field.name: {**field_schema(field), "description": _docstring(field.description)}
            for field in event.metadata
        },
        "required": [field.name for field in event.metadata if field.always],
        "additionalProperties": False,
        "x-event": event.key,
        "x-when": {name: condition for name, condition in when.items() if condition},
        "x-secret": [field.name for field in event.metadata if field.sensitivity == "secret"],
    }


def _generated(document: str) -> str:
    from datamodel_code_generator import InputFileType, LiteralType, PythonVersion, generate
    from datamodel_code_generator.enums import DataModelType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of options whose defaults will change: all are given
        made = generate(
            document,
            input_file_type=InputFileType.JsonSchema,
            output_model_type=DataModelType.PydanticV2BaseModel,
            target_python_version=PythonVersion.PY_311,
            base_class=BASE_CLASS,
            formatters=[],
            disable_timestamp=True,
            enum_field_as_literal=LiteralType.All,
            field_constraints=True,
            model_extra_keys={"x-event", "x-secret", "x-when"},
            skip_root_model=True,
            use_annotated=True,
            use_field_description=True,
            use_schema_description=True,
            use_title_as_name=True,
            use_type_alias=True,
        )
    if not isinstance(made, str):
        raise RuntimeError("datamodel-code-generator made no single module")
    return made


def _normalised(code: str, category: Category) -> str:
    """Our header in place of the other's, no trailing space, two blank lines between classes."""
    body = code.split("from __future__ import annotations\n", 1)[1]
    body = re.sub(r"[ \t]+$", "", body, flags=re.MULTILINE)
    body = re.sub(r"\n{3,}", "\n\n\n", body).strip()
    title = _docstring(category.title)
    return (
        f"{python_header(category.source)}"
        f'"""The metadata models of {title}."""\n\nfrom __future__ import annotations\n\n{body}\n'
    )


def _docstring(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
