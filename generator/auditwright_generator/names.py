"""Names the catalog may not use, each with its reason, and the limit of derived names.

The sets are literal, so that `check` imports neither pydantic nor sqlmodel; a test compares them with the
installed libraries, so that they cannot go stale.
"""

import keyword
import sys

from auditwright_generator.model import camel

MAX_BYTES = 63
"""PostgreSQL cuts longer identifiers, silently."""


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(text.split())


MODEL_ATTRIBUTES = words("""
    construct copy dict from_orm json metadata model_computed_fields model_config model_construct model_copy
    model_dump model_dump_json model_extra model_fields model_fields_set model_json_schema
    model_parametrized_name model_post_init model_rebuild model_validate model_validate_json
    model_validate_strings parse_file parse_obj parse_raw registry schema schema_json sqlmodel_update
    update_forward_refs validate
    """)
"""Attributes of pydantic's and SQLModel's classes: a field of that name shadows them."""

EMITTER_OPTIONS = words("id session actor ip_address occurred_at account_id details options self")
"""What an emitter takes beside the fields."""

TABLE_COLUMNS = words("""
    account_id id occurred_at recorded_at level category event actor_type actor_id actor_name ip_address
    description catalog_version digest alterations metadata data
    """)
"""The columns of every entry, which views put beside the fields."""

GLOBALS = words("str bytes int float bool list dict tuple datetime timestamp deprecated cls self")
"""Names that generated classes and methods use; a field or an event of that name would hide them."""

GENERATED_MODULES = words("models tables json_schema docs emitters registry catalog")
"""What the generated package holds beside its levels."""

OWN_LEVELS = words("audit")
"""Levels of the catalog that comes with the runtime, whose events stand in every log."""

OWN_PACKAGE = "auditwright_events"
"""The package that is generated from that catalog."""

IMPORTED_CLASSES = words("""
    Address Annotated Any AsyncAuditEvents AsyncSession AuditCatalog AuditCategory AuditEntry AuditEvent
    AuditEvents AuditLog BigInteger Boolean Catalog ClassVar Column Coroutine Digest
    Emitters Entry EntryId
    Event EventModel EventView Field Float Generic Index Json Literal Metadata Options Record S SQLModel
    Session Text Timestamp TimestampText Unpack
""")
"""Classes that generated modules import or define by themselves."""

DEPENDENCIES = words("""
    auditwright auditwright_generator jinja2 jsonschema jsonschema_rs orjson pydantic sqlalchemy sqlmodel
    tests typing_extensions uuid_utils yaml
    """)
"""Packages that a generated package of the same name would hide."""

GENERATED_FOLDERS = words("docs language")
"""What is generated beside the package."""


def refuse_field(name: str, fills_entry: bool) -> str | None:
    """Why a field cannot have the name; one that the entry fills may share the entry's words."""
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name in MODEL_ATTRIBUTES:
        return "the generated classes have an attribute of that name"
    if name in GLOBALS:
        return "the generated code uses that name itself"
    if not fills_entry and name in EMITTER_OPTIONS:
        return "every emitter takes an option of that name"
    if not fills_entry and name in TABLE_COLUMNS:
        return "every entry has a column of that name"
    return None


def refuse_level(name: str, package: str = "") -> str | None:
    """Why a level cannot have the name, in the catalog of a package."""
    if name in GENERATED_MODULES:
        return "the generated package has a module of that name"
    if name in OWN_LEVELS and package != OWN_PACKAGE:
        return "Auditwright records its own events under it"
    return refuse_class(name)


def refuse_event(name: str) -> str | None:
    """Why an event cannot have the name: it becomes a method and a class."""
    if name in GLOBALS:
        return "the generated code uses that name itself"
    return refuse_class(name)


def refuse_class(name: str) -> str | None:
    """Why a category or level cannot have the name: it becomes an attribute, a module and a class."""
    class_name = camel(name)
    if keyword.iskeyword(name) or keyword.iskeyword(class_name):
        return "it is a keyword of Python"
    if class_name in IMPORTED_CLASSES:
        return f"the generated code uses the class name {class_name} itself"
    return None


def refuse_package(name: str) -> str | None:
    """Why the generated package cannot have the name."""
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name in sys.stdlib_module_names:
        return "Python's standard library has a module of that name"
    if name in DEPENDENCIES:
        return "auditwright or a package it needs has that name"
    if name in GENERATED_FOLDERS:
        return "a folder of that name is generated beside it"
    return None


def too_long(name: str) -> bool:
    """Whether PostgreSQL would cut the name."""
    return len(name.encode()) > MAX_BYTES
