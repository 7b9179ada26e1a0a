"""`EventModel`, the base of every generated metadata model: strict, frozen, closed.

The generated classes hold what JSON Schema and pydantic share. The rest is here: a whole number written as
1.0 is an integer (JSON Schema 2020-12, section 6.1.1), and the class argument `when` carries the conditions
that the published schema states as if/then/else.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypeVar, Unpack, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from auditwright.change import Change, sides_of
from auditwright.limits import bigint_of, text_of

if TYPE_CHECKING:
    from auditwright.json_value import JsonValue

Conditions = dict[str, dict[str, list[Any]]]
StoredValues = dict[str, dict[str | int, str]]
"""By enum field: the names in Python of values that have another name in JSON."""


def _of_text(value: Any) -> Any:
    """The integer of a text in the JSON form; any other value as it is."""
    text = text_of(value)
    number = None if text is None else bigint_of(text)
    return value if number is None else number


_IS_BIGINT = BeforeValidator(_of_text)
BigInt = Annotated[int, Field(ge=-(2**63), le=2**63 - 1), _IS_BIGINT]
"""A whole number of 64 bits: an `int`, or its text in the JSON form, which becomes one. No float is one."""

T = TypeVar("T")


class _BySides:
    """How pydantic validates a `Change` or its JSON form, which becomes one: each side by its type."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (kind,) = get_args(source)
        side = core_schema.typed_dict_field(core_schema.nullable_schema(handler.generate_schema(kind)))
        # What is inside of a typed dict does not see the configuration of the model.
        config = core_schema.CoreConfig(strict=True, allow_inf_nan=False)
        sides = core_schema.typed_dict_schema(
            {"from": side, "to": side}, extra_behavior="forbid", strict=True, config=config
        )
        return core_schema.no_info_before_validator_function(
            sides_of,
            core_schema.no_info_after_validator_function(_of_sides, sides),
            serialization=core_schema.plain_serializer_function_ser_schema(sides_of),
        )


def _of_sides(sides: dict[str, Any]) -> Change[Any]:
    return Change(sides["from"], sides["to"])


ChangeOf = Annotated[Change[T], _BySides]
"""A `Change` of values of a type, which also accepts its JSON form."""

# Before 2.14, pydantic does not protect the building of a model against a second thread. A process does not
# fork while a thread of it builds one: the child could not build any.
_building = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_building.acquire, after_in_parent=_building.release, after_in_child=_building.release
    )


class _JsonType:
    """Validates a JSON value, into plain types; the bounds of a field are not faults, see `json_value.py`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_plain_json)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {}


def _plain_json(value: Any) -> Any:
    from auditwright.json_value import NotJsonValue, plain_json  # few events need it

    try:
        if value is not None:
            return plain_json(value)
    except NotJsonValue:
        pass  # `problem_text.py` says what is wrong, and where
    raise PydanticCustomError("json_value", "a JSON value is wanted")


if TYPE_CHECKING:
    Json: TypeAlias = JsonValue
else:
    # Pydantic would look for the name that `JsonValue` contains in the module of each model.
    Json = Annotated[Any, _JsonType()]
    """The type of a field of type json."""


class EventModel(BaseModel):
    """The metadata of one event, validated when it is made. None means "not given".

    Raises pydantic's `ValidationError`; inputs are kept out of its text.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,  # besides by the name in JSON, for a field that has another one there
        hide_input_in_errors=True,
        defer_build=True,  # each model is built when it is first used: a process uses few of them
    )

    # Without annotations, which pydantic would evaluate again for every subclass.
    __event_key__ = ""
    __conditions__ = Conditions()
    __secrets__ = frozenset[str]()
    __stored__ = StoredValues()

    def __init_subclass__(
        cls,
        *,
        event: str | None = None,
        when: Conditions | None = None,
        secrets: Iterable[str] | None = None,
        stored: StoredValues | None = None,
        **config: Unpack[ConfigDict],
    ) -> None:
        """Takes what a field cannot express.

        That is the event's key, the conditions, the names of secrets, and what JSON has for enum values.
        """
        super().__init_subclass__(**config)
        if event is not None:
            cls.__event_key__ = event
            cls.__conditions__ = when or {}
            cls.__secrets__ = frozenset(secrets or ())
            cls.__stored__ = stored or {}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields as repr and str show them: a secret never."""
        for name, value in super().__repr_args__():
            yield name, "**********" if name in self.__secrets__ and value is not None else value

    @classmethod
    def model_rebuild(cls, **options: Any) -> bool | None:
        """Builds the validator, unless that is done: pydantic calls it when the model is first used."""
        with _building:
            return super().model_rebuild(**options)

    @classmethod
    def event_key(cls) -> str:
        """The key of the event whose metadata this is: `account.models.model_deployed`."""
        return cls.__event_key__

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if cls.__stored__:
            value = cls._with_identifiers(value)
        try:
            model = handler(value)
        except ValidationError:
            whole = cls._with_whole_numbers(value)
            if whole is None:
                raise
            model = handler(whole)
        if cls.__conditions__:
            cls._check_conditions(vars(model))
        return model

    @classmethod
    def _with_identifiers(cls, value: Any) -> Any:
        """The input with the names in Python of enum values that it has as JSON has them."""
        if not issubclass(type(value), dict):
            return value
        given = dict(dict.items(value))
        for name, identifiers in cls.__stored__.items():
            for key in cls._keys(name):
                if key in given:
                    given[key] = _identified(given[key], identifiers)
        return given

    @classmethod
    def _keys(cls, name: str) -> tuple[str, ...]:
        """The keys under which an input can have a field: its name, and the one in JSON if that differs."""
        alias = cls.model_fields[name].validation_alias
        return (name, alias) if isinstance(alias, str) else (name,)

    @classmethod
    def _with_whole_numbers(cls, value: Any) -> dict[str, Any] | None:
        """The input with 1.0 written as 1 wherever an integer is wanted; None if nothing changed.

        It does not ask the error where: a long list has as many faults as items.
        """
        if not issubclass(type(value), dict):
            return None
        given = dict(dict.items(value))
        changed = {
            key: whole
            for name, field in cls.model_fields.items()
            for key in cls._keys(name)
            if key in given
            and _IS_BIGINT not in field.metadata
            and _holds_integers(field.annotation)
            and (whole := _whole(given[key])) is not given[key]
        }
        return given | changed if changed else None

    @classmethod
    def _check_conditions(cls, data: dict[str, Any]) -> None:
        details = []
        for name, condition in cls.__conditions__.items():
            holds = all(data[other] in values for other, values in condition.items())
            if holds != (data[name] is not None):
                kind = "when_missing" if holds else "when_not_allowed"
                fault = PydanticCustomError(kind, "required or refused by its condition")
                details.append(InitErrorDetails(type=fault, loc=(name,), input=None))
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)


def _identified(value: Any, identifiers: dict[str | int, str]) -> Any:
    """The name in Python of an enum value, or of those in a list or a change; all else as it is.

    True is not 1, which it equals; 1.0 is, as in JSON Schema.
    """
    kind = type(value)
    if kind is list:
        return [_identified_item(item, identifiers) for item in value]
    if kind is Change:
        return _identified(sides_of(value), identifiers)
    if kind is dict:  # a change
        return {side: _identified_item(item, identifiers) for side, item in value.items()}
    return _identified_item(value, identifiers)


def _identified_item(value: Any, identifiers: dict[str | int, str]) -> Any:
    kind = type(value)
    if kind is float and value.is_integer():
        return identifiers.get(int(value), value)
    return identifiers.get(value, value) if kind in (str, int) else value


def _holds_integers(annotation: object) -> bool:
    """Whether a type is an integer, or has it as a part: `int | None`, `list[int]`; not if of 64 bits."""
    parts = get_args(annotation)
    return annotation is int or (_IS_BIGINT not in parts and any(map(_holds_integers, parts)))


def _whole(value: Any) -> Any:
    """An integer for a float without a fraction, alone, in a list or in a change; else the value itself.

    No method of a subclass is called: it may do anything.
    """
    if issubclass(type(value), float):
        return float.__int__(value) if float.is_integer(value) else value
    if type(value) is Change:
        return _whole(sides_of(value))
    if issubclass(type(value), dict):
        sides = dict(dict.items(value))
        whole = {side: _whole(each) for side, each in sides.items() if issubclass(type(each), float)}
        return sides | whole if any(type(each) is int for each in whole.values()) else value
    if not issubclass(type(value), list):
        return value
    items = list(list.__iter__(value))
    if not any(issubclass(kind, float) for kind in set(map(type, items))):
        return value
    return [_whole(item) if issubclass(type(item), float) else item for item in items]
