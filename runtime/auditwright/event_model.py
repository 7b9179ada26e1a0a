"""`EventModel`, the base of every generated metadata model: strict, frozen, closed.

The generated classes hold what JSON Schema and pydantic share; what they do not share stands here, once:
a whole number written as 1.0 is an integer (JSON Schema 2020-12, section 6.1.1), and `x-when` carries the
conditions that the published schema states as if/then/else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Conditions = dict[str, dict[str, list[Any]]]


class EventModel(BaseModel):
    """The metadata of one event, validated when it is made. None means "not given".

    Raises pydantic's `ValidationError`; inputs are kept out of its text.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    _key: ClassVar[str]
    _when: ClassVar[Conditions]
    _secrets: ClassVar[frozenset[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        extra = cls.model_config.get("json_schema_extra")
        facts = extra if isinstance(extra, dict) else {}
        cls._key = str(facts.get("x-event", ""))
        cls._when = facts.get("x-when", {})  # type: ignore[assignment]
        cls._secrets = frozenset(facts.get("x-secret", ()))  # type: ignore[arg-type]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields as repr and str show them: a secret never."""
        for name, value in super().__repr_args__():
            yield name, "**********" if name in self._secrets and value is not None else value

    @classmethod
    def event_key(cls) -> str:
        """The key of the event whose metadata this is: `account.models.model_deployed`."""
        return cls._key

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            model = handler(value)
        except ValidationError as error:
            whole = _whole_numbers(value, error)
            if whole is None:
                raise
            model = handler(whole)
        if cls._when:
            cls._check_conditions(vars(model))
        return model

    @classmethod
    def _check_conditions(cls, data: dict[str, Any]) -> None:
        details = []
        for name, condition in cls._when.items():
            holds = all(data[other] in values for other, values in condition.items())
            if holds != (data[name] is not None):
                kind = "when_missing" if holds else "when_not_allowed"
                wording = PydanticCustomError(kind, "required or refused by its condition")
                details.append(InitErrorDetails(type=wording, loc=(name,), input=None))
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)


def _whole_numbers(value: Any, error: ValidationError) -> dict[str, Any] | None:
    """The input with 1.0 written as 1 wherever an integer was wanted; None where that mends nothing."""
    if not isinstance(value, dict):
        return None
    mended = dict(value)
    found = False
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        if problem["type"] != "int_type":
            continue
        name, *index = problem["loc"]
        holder = mended[name] if not index else mended[name][index[0]]
        if isinstance(holder, float) and holder.is_integer():
            found = True
            if index:
                mended[name] = [*mended[name]]
                mended[name][index[0]] = int(holder)
            else:
                mended[name] = int(holder)
    return mended if found else None
