"""Reserved names, each with the reason, and the length limit of derived names.

The sets are literals, so that `check` imports neither pydantic nor sqlmodel. A test compares them with the
installed libraries.
"""

import keyword
import re
import sys

from auditwright_generator.model import camel, identifier

MAX_BYTES = 63
"""PostgreSQL silently truncates longer identifiers."""


def words(text: str) -> frozenset[str]:
    """The words of a text, separated by white space."""
    return frozenset(text.split())


MODEL_ATTRIBUTES = words("""
    construct copy dict event_key from_orm json metadata mro model_computed_fields model_config
    model_construct model_copy model_dump model_dump_json model_extra model_fields
    model_fields_set model_json_schema
    model_parametrized_name model_post_init model_rebuild model_validate model_validate_json
    model_validate_strings parse_file parse_obj parse_raw register registry schema schema_json sqlmodel_update
    update_forward_refs validate
    """)
"""Attributes of the classes of `EventModel`, pydantic and SQLModel. A field of that name would hide them."""

EMITTER_OPTIONS = words("""
    id session actor on_behalf_of ip_address occurred_at account_id details context outcome failure_reason
    options self
    """)
"""Parameters that emitters have besides the fields."""

TABLE_COLUMNS = words("""
    account_id id occurred_at recorded_at level category event actor_type actor_id actor_name ip_address
    on_behalf_of_type on_behalf_of_id on_behalf_of_name outcome failure_reason context
    description catalog_version digest row_digest alterations metadata data
    """)
"""Columns that every view has besides the fields."""

MODEL_PREFIXES = ("model_dump", "model_validate")
"""Beginnings of names that pydantic reserves for methods of its models; it warns of such a field."""

EXPORTED_COLUMNS = words("event_title category_title")
"""Columns of a Parquet file besides those and the fields."""

SYSTEM_COLUMNS = words("cmax cmin ctid oid rowid tableoid xmax xmin")
"""Names that every table of PostgreSQL or SQLite gives to something of its own, quoted or not."""

NEVER_IN_VIEWS = words("false true")
"""SQLite gives a column of a view another name than these."""

NOT_QUOTED = words("collation concurrently lateral nothing returning system_user tablesample")
"""Reserved words of SQLite or PostgreSQL that SQLAlchemy does not quote by itself."""

ENGINE_PREFIXES = ("pg", "sqlite")
"""Beginnings of names that the databases reserve for their own tables and views."""

GLOBALS = words("str bytes int float bool list dict tuple datetime timestamp deprecated cls self")
"""Names used inside generated classes and methods. A field or an event of the same name would hide them."""

GENERATED_MODULES = words("models tables json_schema docs emitters registry catalog")
"""Modules of the generated package besides its levels."""

MODULES_BESIDE_CATEGORIES = words("json_schema models tables")
"""Modules of the generated package besides the categories of a catalog without levels."""

CLASSES_BESIDE_CATEGORIES = words("""
    AsyncAuditEvents AuditEvents Change Emitters FailureOptions Generic JsonValue Literal Options Record S
    TargetType UUID Unpack
    """)
"""Class names in the modules of such categories. There may be a category `session`, unlike a level."""

PAGES_OF_LEVELS = words("index")
"""Pages in the folder of a level besides those of its categories."""

PAGES_OF_REFERENCE = words("changes entry enums events fields index inventory json_schema sensitive targets")
"""Pages in the folder of the docs, where a catalog without levels has those of its categories."""

OWN_RELATIONS = words("""
    audit_alembic_version audit_catalog audit_category audit_entry audit_event audit_hold audit_retention
    audit_target audit_target_field audit_user audit_log_exported audit_log_held audit_log_imported
    audit_log_pruned audit_log_released audit_log_viewed audit_setup_adopted audit_setup_created
    audit_setup_granted audit_setup_retained audit_setup_upgraded
    """)
"""Tables of the runtime, and the views of its own events."""

OWN_RELATIONS_PREFIXES = ("audit_entry_", "audit_target_")
"""The beginnings of the names of partitions and indexes."""

OWN_LEVELS = words("audit")
"""Levels of the runtime's own catalog, whose events can be in every log."""

OWN_PACKAGE = "auditwright_events"
"""The package generated from the runtime's own catalog."""

IMPORTED_CLASSES = words("""
    Address Annotated Any AsyncAuditEvents AsyncSession AuditCatalog AuditCategory AuditEntry AuditEvent
    AuditEvents AuditLog AuditTable AuditTarget BigInt BigInteger Boolean Catalog ChangeOf ClassVar Column
    Coroutine DateText Digest Emitters Entry EntryId
    Event EventModel EventView FailureOptions Field Float Generic Index Json JsonAsWritten JsonValue Literal
    Metadata
    Options Record S SQLModel Session TargetType Text Timestamp TimestampText UUID Unpack UuidText
""")
"""Class names that generated modules import or define."""

OWN_PREFIX = "auditwright"
"""The beginning of Auditwright's own packages and distributions, of which there may be more."""

NEWER_MODULES = words("annotationlib compression")
"""Modules that the standard library has in Python 3.14, and not in 3.11."""

DEPENDENCIES = words("""
    a11y_pygments alabaster alembic annotated_doc annotated_types anyio attr attrs babel bs4 certifi
    charset_normalizer click docutils fastapi greenlet h11 idna imagesize jinja2 jsonschema
    jsonschema_rs jsonschema_specifications mako markdown_it markupsafe mdit_py_plugins mdurl myst_parser
    opentelemetry orjson packaging psycopg psycopg_binary pyarrow pydantic pydantic_core pydata_sphinx_theme
    pygments referencing requests roman_numerals rpds shtab snowballstemmer soupsieve sphinx sphinx_copybutton
    sphinx_design sphinxcontrib sqlalchemy sqlmodel starlette tests typing_extensions typing_inspection tzdata
    urllib3 uuid_utils uvicorn yaml zstandard
    """)
"""Packages that a generated package of the same name would hide: with the extras, and what they need."""

DEPENDENCY_DISTRIBUTIONS = (
    DEPENDENCIES - words("a11y_pygments attr bs4 markdown_it opentelemetry rpds sphinxcontrib tests yaml")
) | words("""
    accessible_pygments beautifulsoup4 hatchling markdown_it_py opentelemetry_api pyyaml rpds_py
    sphinxcontrib_applehelp sphinxcontrib_devhelp sphinxcontrib_htmlhelp sphinxcontrib_jsmath
    sphinxcontrib_qthelp sphinxcontrib_serializinghtml
    """)
"""The distributions that have them, and the one that builds, with underscores."""

GENERATED_FOLDERS = words("docs language")
"""Folders generated next to the package."""


_IS_OURS = "names with this beginning are Auditwright's own"
_IS_A_DEPENDENCY = "a dependency of auditwright has that name"


def refuse_field(name: str, fills_entry: bool, has_column: bool = False) -> str | None:
    """Why a field cannot have the name, or None. A field that the entry fills may use the entry's names.

    SQL keywords are allowed, because every statement quotes the names of fields.
    """
    if keyword.iskeyword(name):
        return "it is a Python keyword"
    if name in MODEL_ATTRIBUTES:
        return "the generated classes have an attribute of that name"
    if name.startswith(MODEL_PREFIXES):
        return "pydantic reserves names with this beginning"
    if name in GLOBALS:
        return "the generated code uses that name"
    if not fills_entry and name in EMITTER_OPTIONS:
        return "every emitter takes an option of that name"
    if not fills_entry and name in TABLE_COLUMNS:
        return "every entry has a column of that name"
    if name in EXPORTED_COLUMNS:
        return "every Parquet file has a column of that name"
    if name in NEVER_IN_VIEWS:
        return "SQLite's views cannot have a column of that name"
    if has_column and name in SYSTEM_COLUMNS:
        return "tables of PostgreSQL or SQLite have a system column of that name"
    return None


def refuse_level(name: str, package: str = "") -> str | None:
    """Why a level of the package cannot have the name, or None."""
    if name in GENERATED_MODULES:
        return "the generated package has a module of that name"
    if name in OWN_LEVELS and package != OWN_PACKAGE:
        return "Auditwright records its own events there"
    if name.partition("_")[0] in ENGINE_PREFIXES:
        return "databases reserve names with this beginning, and the views of its events would have one"
    return refuse_class(name)


def refuse_category(name: str) -> str | None:
    """Why a category cannot have the name, or None. The name becomes a module, a class and a page."""
    if "." in name:
        return "only a catalog without levels has categories with a dot in their name"
    if name in PAGES_OF_LEVELS:
        return "the page of its level has that name"
    return refuse_class(name)


def refuse_category_without_level(name: str) -> str | None:
    """Why a category of a catalog without levels cannot have the name, or None."""
    joined = identifier(name)
    if name.partition(".")[0] in OWN_LEVELS:
        return "Auditwright records its own events there"
    if joined in MODULES_BESIDE_CATEGORIES:
        return "the generated package has a module of that name"
    if joined in PAGES_OF_REFERENCE:
        return "the reference has a page of that name"
    if joined.partition("_")[0] in ENGINE_PREFIXES:
        return "databases reserve names with this beginning, and the views of its events would have one"
    return refuse_class(joined, CLASSES_BESIDE_CATEGORIES)


def is_own_relation(view: str) -> bool:
    """Whether the runtime has a table, an index or a view of the name."""
    return view in OWN_RELATIONS or view.startswith(OWN_RELATIONS_PREFIXES)


def refuse_event(name: str) -> str | None:
    """Why an event cannot have the name, or None. The name becomes a method and a class."""
    if name in GLOBALS:
        return "the generated code uses that name"
    return refuse_class(name)


def refuse_class(name: str, imported: frozenset[str] = IMPORTED_CLASSES) -> str | None:
    """Why a category, a level or an event cannot have the name, or None. It becomes a class."""
    class_name = camel(name)
    if keyword.iskeyword(name) or keyword.iskeyword(class_name):
        return "it is a Python keyword"
    if class_name in imported:
        return f"the generated code uses the class name {class_name}"
    return None


def refuse_package(name: str) -> str | None:
    """Why the generated package cannot have the name, or None."""
    if keyword.iskeyword(name):
        return "it is a Python keyword"
    if name in sys.stdlib_module_names or name in NEWER_MODULES:
        return "it is a module of Python's standard library"
    if name.startswith(OWN_PREFIX) and name != OWN_PACKAGE:
        return _IS_OURS
    if name in DEPENDENCIES:
        return _IS_A_DEPENDENCY
    if name in GENERATED_FOLDERS:
        return "a folder of that name is generated next to it"
    return None


def refuse_distribution(name: str) -> str | None:
    """Why the distribution of the generated package cannot have the name, or None."""
    if name.startswith(OWN_PREFIX):
        return _IS_OURS
    if name.replace("-", "_") in DEPENDENCY_DISTRIBUTIONS:
        return _IS_A_DEPENDENCY
    return None


def another_name(what: str, name: str) -> str:
    """A name to suggest in place of a refused one; `what` is the kind of thing, such as `field`."""
    joined = identifier(name)
    if joined != name and refuse_category_without_level(joined) is None:
        return joined
    has_reserved_beginning = joined.startswith(MODEL_PREFIXES) or joined.partition("_")[0] in ENGINE_PREFIXES
    return f"{what}_{joined}" if has_reserved_beginning else f"{joined}_{what}"


def identifier_for(text: str, what: str) -> str:
    """The name to suggest for a text that is no name: `exit_code` for `exitCode`; "" without a good one.

    `what` is the kind of thing, such as `field`; it comes before a digit.
    """
    if not text.isascii():
        return ""
    parted = re.sub("([a-z0-9])([A-Z])", r"\1_\2", re.sub("([A-Z]+)([A-Z][a-z])", r"\1_\2", text))
    name = re.sub("[^a-z0-9]+", "_", parted.lower()).strip("_")
    return f"{what}_{name}" if name[:1].isdigit() else name


def another_package(name: str) -> str:
    """A package to suggest in place of a refused one."""
    return f"audit_{name}" if name.startswith(OWN_PREFIX) else f"{name}_audit"


def too_long(name: str) -> bool:
    """Whether PostgreSQL would truncate the name."""
    return len(name.encode()) > MAX_BYTES
