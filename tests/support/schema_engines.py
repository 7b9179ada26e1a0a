"""Other readers of the published JSON Schemas: Python's jsonschema as the reference uses it, ajv, and RE2."""

import contextlib
import functools
import io
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import re2  # type: ignore[import-untyped]
from tests.support.markdown import blocks
from tests.support.paths import ROOT

PAGE = ROOT / "generated" / "docs" / "json_schema.md"
NODE = shutil.which("node")
NODE_MODULES = os.environ.get("AUDITWRIGHT_NODE_MODULES", "")
INSTALL = (
    "npm install --prefix FOLDER ajv@8.20.0 ajv-formats@3.0.1; AUDITWRIGHT_NODE_MODULES=FOLDER/node_modules"
)


@functools.cache
def run_python_of_page() -> tuple[dict[str, Any], str]:
    """What the Python of the reference's page on schemas defines, and what it prints."""
    program = "".join(block.text for block in blocks(PAGE, "python"))
    names: dict[str, Any] = {}
    with contextlib.chdir(ROOT / "generated"), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(program, names)
    return names, printed.getvalue()


def entry_validator(schema: dict[str, Any]) -> Any:
    """The validator that the reference recommends to users of jsonschema."""
    return run_python_of_page()[0]["EntryValidator"](schema)


def parts(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(each)


def patterns_in(schema: Any) -> Counter[str]:
    """The patterns of a schema, with how often each occurs."""
    return Counter(
        each["pattern"]
        for each in parts(schema)
        if isinstance(each, dict) and isinstance(each.get("pattern"), str)
    )


def re2_search(pattern: str, text: str) -> bool:
    """Whether RE2 finds the pattern in the text; an error if it cannot compile it."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options).search(text) is not None


def run_node(program: str, given: str = "") -> str:
    """What a program with ajv prints, run in the folder of what is generated; skips where it cannot run."""
    if NODE is None:
        pytest.skip(f"node is not on PATH; with Node.js: {INSTALL}")
    if not all((Path(NODE_MODULES) / name / "package.json").is_file() for name in ("ajv", "ajv-formats")):
        pytest.skip(f"AUDITWRIGHT_NODE_MODULES names no folder with ajv and ajv-formats: {INSTALL}")
    done = subprocess.run(
        [NODE, "-e", program],
        input=given,
        cwd=ROOT / "generated",
        env={**os.environ, "NODE_PATH": str(Path(NODE_MODULES).resolve())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


_VERDICTS = """
const Ajv2020 = require("ajv/dist/2020");
const addFormats = require("ajv-formats");

const { cases, options } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const ajv = new Ajv2020({ strict: true, ...options });
addFormats(ajv);
ajv.addVocabulary(["patternErrorMessage"]);
const verdicts = cases.map(([schema, instances]) => {
  const isValid = ajv.compile(schema);
  return instances.map((instance) => isValid(instance));
});
process.stdout.write(JSON.stringify(verdicts));
"""


def ajv_verdicts(cases: list[tuple[dict[str, Any], list[Any]]], **options: Any) -> list[list[bool]]:
    """For each schema, compiled in strict mode, whether ajv accepts each of its instances."""
    verdicts: list[list[bool]] = json.loads(
        run_node(_VERDICTS, json.dumps({"cases": cases, "options": options}))
    )
    return verdicts
