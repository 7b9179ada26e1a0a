"""The JSON Schemas of the catalog language: complete, not stricter than `check`, and useful in an editor."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
import yaml
from tests.conftest import KITCHEN_SINK
from tests.generator.run_command import run
from tests.support.schema_engines import ajv_verdicts, patterns_in, re2_search

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.source.structure import DEFS, FileKind, schema_of
from auditwright_generator.targets.language import KEYS, KINDS, editor_schema, known_fields, whole

ROOT = Path(__file__).parents[3]
OWN = {ROOT / "catalog": ROOT / "generated", ROOT / "runtime" / "catalog": ROOT / "generated" / "runtime"}
FOLDERS = [*OWN, KITCHEN_SINK]
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")


def catalog_files(folder: Path) -> Iterator[tuple[FileKind, Path]]:
    yield "catalog", folder / "catalog.yaml"
    yield "fields", folder / "fields.yaml"
    for path in sorted(folder.glob("*/*.yaml")):
        yield "category", path


FILES = [(folder, kind, path) for folder in FOLDERS for kind, path in catalog_files(folder)]


def schemas(folder: Path) -> dict[str, Any]:
    """The schema of each kind of file for the catalog in a folder."""
    catalog = read_catalog(folder).catalog
    assert catalog is not None
    return {Path(name).stem: json.loads(text) for name, text in whole(catalog).items()}


# --- every key ---------------------------------------------------------------------------------------


def mappings(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with fixed keys, anywhere in a schema."""
    if isinstance(schema, list):
        for each in schema:
            yield from mappings(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "additionalProperties" in schema:
            yield schema
        for each in schema.values():
            yield from mappings(each)


def test_every_key_of_the_language_has_a_description() -> None:
    assert KEYS.keys() == KINDS.keys()
    for kind, schema in KINDS.items():
        assert sorted(KEYS[kind]) == sorted(schema["properties"])
    for mapping in mappings(DEFS):
        assert mapping in KINDS.values(), f"a kind of mapping without a name: {list(mapping['properties'])}"


def test_the_schemas_have_every_key_with_its_description() -> None:
    made = {kind: editor_schema(kind, {}) for kind in get_args(FileKind)}
    found: dict[str, dict[str, str]] = {}
    for schema in made.values():
        for kind in KINDS.keys() & schema["$defs"].keys():
            properties = schema["$defs"][kind]["properties"]
            found[kind] = {key: value["description"] for key, value in properties.items()}
    assert found == KEYS
    for kind, schema in made.items():
        for mapping in mappings(schema):
            assert mapping in [schema["$defs"].get(name) for name in KINDS], (
                f"{kind}.json says a mapping twice"
            )


SECTIONS = {
    "catalog": "catalog.yaml",
    "annotation_key": "An annotation key",
    "level": "A level",
    "field": "A field",
    "enum_value": "An enum value",
    "category": "A category",
    "event": "An event",
    "use": "A use",
    "shared_use": "A shared use",
    "deprecation": "A deprecation",
    "suppression": "A suppression",
    "accepted_break": "An accepted break",
}


@pytest.mark.parametrize("kind", KINDS)
def test_descriptions_are_those_of_the_language_page(kind: str) -> None:
    pages = (ROOT / "catalog" / "README.md", ROOT / "docs" / "language.md")
    page = "".join(page.read_text("utf-8") for page in pages)
    section = re.split(r"^#+ ", page.partition(f"## {SECTIONS[kind]}\n")[2], maxsplit=1, flags=re.MULTILINE)[
        0
    ]
    documented = {}
    for row in re.findall(r"^\| (`.*) \|$", section, re.MULTILINE):
        cells = row.split(" | ")
        for key in re.findall(r"`([^`]+)`", cells[0]):
            documented[key] = as_sentence(cells[-1])
    inherited = KEYS["use"] if kind == "shared_use" else {}
    assert inherited | documented == KEYS[kind]


def as_sentence(cell: str) -> str:
    """A table cell as plain text, as an editor shows it."""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", cell)
    head = text if text.startswith("`") else text[:1].upper() + text[1:]
    return head.replace("`", "") + "."


# --- never stricter than the format, and no looser ---------------------------------------------------


@pytest.mark.parametrize(("folder", "kind", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_every_file_of_our_catalogs_is_valid(folder: Path, kind: FileKind, path: Path) -> None:
    content = yaml.safe_load(path.read_text("utf-8"))
    jsonschema_rs.validator_for(schemas(folder)[kind]).validate(content)


def test_unknown_fields_and_other_catalogs_are_valid() -> None:
    ours = schemas(ROOT / "catalog")
    for _, kind, path in FILES:
        content = yaml.safe_load(path.read_text("utf-8"))
        assert jsonschema_rs.validator_for(ours[kind]).is_valid(content), path


EVENT = {"title": "Added", "description": "It is there.", "message": "Added.", "example": {}}
CATEGORY = {"category": "things", "title": "Things", "description": "Things.", "events": {"added": EVENT}}
FIELD = {"title": "Size", "type": "integer", "description": "How large."}
CATALOG: dict[str, Any] = {
    "format": 1,
    "package": "p",
    "title": "T",
    "version": "1.0.0",
    "levels": {"account": {"title": "Account"}},
}
SOUND: dict[FileKind, dict[str, Any]] = {"catalog": CATALOG, "fields": {"size": FIELD}, "category": CATEGORY}
MISTAKES: list[tuple[FileKind, tuple[str, ...], Any]] = [
    ("catalog", ("format",), 2),
    ("catalog", ("package",), "No-Name"),
    ("catalog", ("version",), "1.0"),
    ("catalog", ("verison",), "1.0.0"),
    ("catalog", ("levels",), {}),
    ("catalog", ("levels", "account", "titel"), "X"),
    ("catalog", ("levels", "account", "metadata"), {"user_id": {"requird": False}}),
    ("catalog", ("levels", "account", "metadata"), ["user_id", "user_id"]),
    ("catalog", ("reserved",), {"No Name": "Gone"}),
    ("catalog", ("annotation_keys",), {"owner": {"title": "Owner", "type": "number"}}),
    ("catalog", ("annotations",), {"Owner": "Ada"}),
    ("fields", ("size", "stored_as"), "two words"),
    ("fields", ("size", "values"), {"ready": {"stored_as": "READY"}}),
    ("fields", ("size", "max_depth"), 65),
    ("catalog", ("accepted",), [{"rule": "BR201"}]),
    ("catalog", ("suppress",), {"AC110": {"until": "2027-01-31"}}),
    ("fields", ("size", "type"), "strng"),
    ("fields", ("size", "type"), "list of integers"),
    ("fields", ("size", "sensitivity"), "private"),
    ("fields", ("size", "min_length"), -1),
    ("fields", ("size", "values"), {}),
    ("fields", ("size", "deprecated"), {"note": "Old."}),
    ("fields", ("Size",), FIELD),
    ("fields", ("length",), {"title": "Length", "type": "integer"}),
    ("category", ("order",), "first"),
    ("category", ("title",), "two\nlines"),
    ("category", ("metadata",), {"size": {"only": []}}),
    ("category", ("metadata",), {"size": {"when": {}}}),
    ("category", ("metadata",), {"size": {"when": {"kind": []}}}),
    ("category", ("events", "added", "metadata"), {"size": {"only": ["added"]}}),
    ("category", ("events", "added", "metadata"), {"size": {"column": True}}),
    ("category", ("events", "added", "metadata"), {"size": None}),
    ("category", ("events", "added", "message"), "x" * 501),
    ("category", ("events", "added", "example"), {"size": None}),
    ("category", ("events", "added", "aliases"), ["added"]),
    ("category", ("events", "added", "examples"), {}),
    ("category", ("events", "Added"), EVENT),
    ("category", ("events", "removed"), {"title": "Removed"}),
    ("catalog", ("package",), "p\n"),
    ("catalog", ("version",), "1.0.0\n"),
    ("fields", ("length\n",), FIELD),
    ("category", ("title",), "Things\n"),
    ("category", ("events", "added", "aliases"), ["a.b.c\n"]),
]


def with_mistake(kind: FileKind, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The smallest file of a kind, with another value at one path."""
    content = deepcopy(SOUND[kind])
    position = content
    for key in path[:-1]:
        position = position[key]
    position[path[-1]] = value
    return content


@pytest.mark.parametrize("kind", SOUND)
def test_the_smallest_file_is_valid(kind: FileKind) -> None:
    assert jsonschema_rs.validator_for(schemas(ROOT / "catalog")[kind]).is_valid(SOUND[kind])


@pytest.mark.parametrize(("kind", "path", "value"), MISTAKES)
def test_editor_schema_refuses_the_same_mistakes(kind: FileKind, path: tuple[str, ...], value: Any) -> None:
    content = with_mistake(kind, path, value)
    assert not jsonschema_rs.validator_for(schema_of(kind)).is_valid(content)
    assert not jsonschema_rs.validator_for(schemas(ROOT / "catalog")[kind]).is_valid(content)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_ajv_and_re2_accept_the_files_that_jsonschema_rs_accepts(folder: Path) -> None:
    files: dict[FileKind, list[Any]] = {kind: [content] for kind, content in SOUND.items()}
    for kind, path in catalog_files(folder):
        files[kind].append(yaml.safe_load(path.read_text("utf-8")))
    for kind, steps, value in MISTAKES:
        files[kind].append(with_mistake(kind, steps, value))
    made = schemas(folder)
    cases = [(made[kind], contents) for kind, contents in files.items()]
    # Some keys take values of several types, such as those of `when`.
    for (schema, contents), verdicts in zip(cases, ajv_verdicts(cases, allowUnionTypes=True), strict=True):
        is_valid = jsonschema_rs.validator_for(schema).is_valid
        assert verdicts == [is_valid(content) for content in contents]
        assert {True, False} == set(verdicts)
        for pattern in patterns_in(schema):
            re2_search(pattern, "")


def test_known_fields_are_suggested_with_descriptions() -> None:
    catalog = read_catalog(ROOT / "catalog").catalog
    assert catalog is not None
    fields = known_fields(catalog)
    assert list(fields) == sorted({field.name for event in catalog.events for field in event.fields})
    made = schemas(ROOT / "catalog")
    for kind in ("catalog", "category"):
        assert made[kind]["$defs"]["known_fields"] == {"type": "object", "properties": fields}
    assert "known_fields" not in made["fields"]["$defs"]
    assert fields["model_id"] == {"title": "Model ID", "description": "string: Identifier of the model."}
    kitchen = schemas(KITCHEN_SINK)["category"]["$defs"]["known_fields"]["properties"]
    assert kitchen["old_name"]["deprecated"] is True
    assert kitchen["states"]["description"] == "list of enum: How it may run."


def test_schemas_have_a_header_and_a_dialect() -> None:
    for schema in schemas(KITCHEN_SINK).values():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$comment"] == (
            "Code generated by auditwright from kitchen_sink/. DO NOT EDIT. `auditwright generate` makes it."
        )
        assert jsonschema_rs.meta.is_valid(schema)


# --- where editors find them -------------------------------------------------------------------------


@pytest.mark.parametrize("folder", OWN, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_every_catalog_file_refers_to_its_schema(folder: Path) -> None:
    for kind, path in catalog_files(folder):
        first = path.read_text("utf-8").partition("\n")[0]
        match = MODELINE.fullmatch(first)
        assert match, f"{path}: {first}"
        schema = (path.parent / match[1]).resolve()
        assert schema == OWN[folder] / "language" / f"{kind}.json"
        assert schema.is_file()


def test_a_new_catalog_refers_to_the_generated_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(cli.init) == 0
    assert run(cli.generate) == 0
    for kind, path in catalog_files(Path("catalog")):
        match = MODELINE.match(path.read_text("utf-8"))
        assert match
        assert (path.parent / match[1]).resolve() == tmp_path / "generated" / "language" / f"{kind}.json"
        assert (path.parent / match[1]).is_file()


# --- in an editor ------------------------------------------------------------------------------------

SERVER = os.environ.get("AUDITWRIGHT_YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
INSTALL = "npm install --global yaml-language-server@1.25.0"
SETTINGS = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}


class Editor:
    """A minimal language client, over the standard input and output of a language server."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [server, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
        )
        # A server that does not answer is an error, not an endless wait.
        self.limit = threading.Timer(60, self.process.kill)
        self.limit.start()
        self.requests = 0
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        position = {"uri": folder.as_uri(), "name": "catalog"}
        self.request(
            "initialize",
            processId=os.getpid(),
            rootUri=folder.as_uri(),
            workspaceFolders=[position],
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
            },
        )
        self.notify("initialized")
        self.notify("workspace/didChangeConfiguration", settings={"yaml": SETTINGS})

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.limit.cancel()
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.send(method=method, params=params)

    def request(self, method: str, **params: Any) -> Any:
        self.requests += 1
        self.send(id=self.requests, method=method, params=params)
        while "method" in (message := self.receive()) or message.get("id") != self.requests:
            self.answer(message)
        assert "error" not in message, message
        return message["result"]

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message

    def answer(self, message: dict[str, Any]) -> None:
        """Answers requests of the server and keeps its diagnostics."""
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            asked = message["params"].get("items", []) if "params" in message else []
            settings = [SETTINGS if item.get("section") == "yaml" else {} for item in asked]
            self.send(id=message["id"], result=settings or None)

    def open(self, path: Path, text: str) -> "Document":
        """Opens a file with the text, without saving it."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return Document(self, uri, text)


class Document:
    """An open file."""

    def __init__(self, editor: Editor, uri: str, text: str) -> None:
        self.editor = editor
        self.uri = uri
        self.lines = text.splitlines()

    def problems(self) -> list[tuple[int, str]]:
        """Each underlined line, counted from 1, with its message."""
        while self.uri not in self.editor.diagnostics:
            self.editor.answer(self.editor.receive())
        found = self.editor.diagnostics[self.uri]
        return sorted((each["range"]["start"]["line"] + 1, each["message"]) for each in found)

    def hover(self, word: str) -> str:
        """The hover text of the first line that begins with a word."""
        line = next(number for number, text in enumerate(self.lines) if text.strip().startswith(word))
        position = {"line": line, "character": self.lines[line].index(word) + 1}
        shown = self.editor.request("textDocument/hover", textDocument={"uri": self.uri}, position=position)
        return "" if shown is None else str(shown["contents"]["value"])

    def complete(self, line: int, column: int) -> dict[str, str]:
        """The completions at a line (from 1) and column (from 0), with their descriptions."""
        position = {"line": line - 1, "character": column}
        offered = self.editor.request(
            "textDocument/completion", textDocument={"uri": self.uri}, position=position
        )
        items = offered["items"] if isinstance(offered, dict) else offered
        return {item["label"]: str(item.get("documentation") or "") for item in items}


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor with a copy of this project's catalog and schemas."""
    if SERVER is None:
        pytest.skip(
            f"yaml-language-server is not on PATH, and AUDITWRIGHT_YAML_LANGUAGE_SERVER names none: {INSTALL}"
        )
    folder = tmp_path_factory.mktemp("editor")
    shutil.copytree(ROOT / "catalog", folder / "catalog")
    shutil.copytree(ROOT / "generated" / "language", folder / "generated" / "language")
    editor = Editor(folder, SERVER)
    yield editor
    editor.close()


HEAD = """# yaml-language-server: $schema=../../generated/language/category.json
category: tests
title: Tests
description: Tests of editors.
"""


def open_category(editor: Editor, name: str, text: str) -> Document:
    return editor.open(editor.folder / "catalog" / "account" / f"{name}.yaml", HEAD + text)


@pytest.mark.parametrize("path", sorted((ROOT / "catalog").rglob("*.yaml")), ids=lambda path: path.name)
def test_an_editor_underlines_nothing_in_our_catalog(editor: Editor, path: Path) -> None:
    copy = editor.folder / path.relative_to(ROOT)
    assert editor.open(copy, copy.read_text("utf-8")).problems() == []


def test_an_editor_suggests_missing_keys_of_an_event(editor: Editor) -> None:
    text = "events:\n  test_run:\n    title: Test run\n    \n    example: {}\n"
    offered = open_category(editor, "keys", text).complete(8, 4)
    left = {key: text for key, text in KEYS["event"].items() if key not in ("title", "example")}
    assert {key: text for key, text in offered.items() if key in KEYS["event"]} == left


def test_an_editor_suggests_the_fields_of_the_catalog(editor: Editor) -> None:
    text = "events:\n  test_run:\n    title: Test run\n    metadata:\n      model_id: {}\n      \n"
    offered = open_category(editor, "fields", text).complete(10, 6)
    assert offered["model_name"].startswith("string: ")
    assert "model_id" not in offered
    assert len(offered) > 50


def test_an_editor_explains_keys_and_fields(editor: Editor) -> None:
    text = (
        "events:\n  test_run:\n    message: Test.\n    metadata:\n      model_id:\n        required: false\n"
    )
    document = open_category(editor, "hover", text)
    assert KEYS["event"]["message"] in document.hover("message")
    assert KEYS["use"]["required"] in document.hover("required")
    hover = document.hover("model_id")
    assert "Model ID" in hover
    assert "Identifier of the model." in hover


def test_an_editor_underlines_mistakes_and_no_new_field(editor: Editor) -> None:
    text = """events:
  test_run:
    title: Test run
    description: A test ran.
    mesage: Test.
    metadata:
      never_seen_before: {required: maybe}
      model_id: {only: [test_run]}
    example: {never_seen_before: x}
"""
    assert open_category(editor, "mistakes", text).problems() == [
        (6, 'Missing property "message".'),
        (9, "Property mesage is not allowed."),
        (11, 'Incorrect type. Expected "boolean".'),
        (12, "Property only is not allowed."),
    ]


def test_an_editor_explains_the_format_of_names(editor: Editor) -> None:
    document = editor.open(
        editor.folder / "catalog" / "other.yaml",
        "# yaml-language-server: $schema=../generated/language/catalog.json\n"
        "format: 1\npackage: No-Name\ntitle: T\nversion: 1.0.0\nlevels: {account: {title: A}}\n",
    )
    assert document.problems() == [(3, f"Must be {DEFS['name']['description']}.")]
