"""Hostile texts, and a catalog that has one of them in every place that holds a text.

The same catalog with tame texts tells what a text has changed besides itself: nothing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUN = "__import__('os').system('touch ran')"
"""Leaves a file behind, if it becomes code."""

HOSTILE = (
    # Python: quotes, ends of docstrings, escapes, formats
    '"',
    "'",
    '"""',
    "'''",
    f'"""+{RUN}+"""',
    f"'''+{RUN}+'''",
    f'"+{RUN}+"',
    f"'+{RUN}+'",
    f'\\"+{RUN}+\\"',
    "ends with \\",
    f'\\\\"""\\n{RUN}\\n"""',
    f'""" {RUN} # """',
    f"{RUN} #",
    "\\N{DIGIT ONE} \\x41 \\u0041 \\0",
    f"{{{RUN}}}",
    f"f'{{{RUN}}}'",
    "{0.__class__.__mro__} {self} %(name)s %s {}",
    "# type: ignore # noqa",
    "\N{LINE SEPARATOR}import os\N{PARAGRAPH SEPARATOR}import os",
    "\N{ZERO WIDTH NO-BREAK SPACE}x",
    # templates
    "{{ 7 * 7 }}",
    "{% raw %}{% endraw %}{# #}",
    "{{ cycler.__init__.__globals__.os.system('touch ran') }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "${7*7} $title $generated #{7*7}",
    "<%= 7*7 %>",
    # HTML
    "<script>alert(1)</script>",
    "</title></code></pre><script src=//x.example>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "--><script>alert(1)</script><!--",
    "<!-- --!> -->",
    '"onmouseover="alert(1)',
    "&lt;b&gt; &#60;script&#62; &amp;amp; x",
    "<a href='javascript:alert(1)'>",
    "<details open ontoggle=alert(1)>",
    "]]><x>",
    "<?php system('id') ?>",
    # Markdown and MyST
    "[x](javascript:alert(1))",
    "![x](//x.example/x.png)",
    "<javascript:alert(1)>",
    "<https://x.example>",
    "[x][y] [y]: //x.example",
    "[y]: //x.example",
    "`code` ``more`` ```fence",
    "```{raw} html",
    "~~~",
    ":::{include} /etc/passwd",
    "{include}`/etc/passwd`",
    "{eval-rst}`x`",
    "(target)=",
    "% comment",
    "+++",
    "--- | :-: | ===",
    "| a | b |",
    "a | b || c \\| d",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "**bold** _it_ ~~no~~ __x__",
    "$a$ $$b$$ \\(c\\)",
    "[^1] [^1]: note",
    "{sub-ref}`x` {{substitution}} |sub|",
    ".. raw:: html",
    ":ref:`x` `x`_ x_",
    "<toctree>",
    "- [ ] task",
    "*/ /* // ; --",
    "'; DROP TABLE audit_entry; --",
    "]}>",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "x" * 190,
    "é" * 90,
    "a\N{NO-BREAK SPACE}b\N{THIN SPACE}c",
)

MARKUP = tuple(text for text in HOSTILE if any(each in text for each in "<[`{$|&"))[::3]
"""Some of them, for what takes long."""

Text = Callable[[int], str]
Files = dict[str, dict[str, Any]]

ADVICE = ("AC117", "AC302", "AC303", "AC306", "AC307", "AC308")
"""Rules about style, which such texts break."""


def catalog(package: str, number: int, text: Text) -> Files:
    """The files of a catalog with `number` events, a text for each."""
    parts = {start: range(start, min(start + 16, number)) for start in range(0, number, 16)}
    fields = {name: field for index in range(number) for name, field in _fields(index, text).items()}
    levels = {f"level_{start}": {"title": text(start), "description": text(start + 1)} for start in parts}
    top = {
        "format": 1,
        "package": package,
        "distribution": package.replace("_", "-"),
        "title": text(0),
        "description": text(1),
        "version": "2.0.0",
        "reserved": {f"gone_{index}": text(index) for index in range(number)},
        "accepted": [
            {"rule": "BR101", "at": text(index), "version": "2.0.0", "reason": text(index)}
            for index in range(0, number, 8)
        ],
        "annotation_keys": {
            "note": {"title": text(0), "type": "string", "description": text(1)},
            "words": {"title": text(2), "type": "list of string"},
            "choice": {"title": text(3), "type": "enum", "values": {"one": text(0), "two": text(1)}},
        },
        "annotations": {"note": text(0), "words": [text(0), text(1)], "choice": "two"},
        "suppress": {code: {"reason": text(int(code[2:]))} for code in ADVICE},
        "levels": levels,
    }
    files: Files = {"catalog.yaml": top, "fields.yaml": fields}
    for start, part in parts.items():
        files[f"level_{start}/category.yaml"] = {
            "category": "category",
            "title": text(start),
            "description": text(start + 2),
            "annotations": {"note": text(start + 3), "choice": "one"},
            "metadata": {
                "shared": {"title": text(start + 3), "description": text(start + 4), "required": False}
            },
            "events": {f"event_{index}": _event(index, text) for index in part},
        }
    fields["shared"] = {"title": "Shared", "type": "string", "description": "Of each category."}
    return files


def _fields(index: int, text: Text) -> dict[str, dict[str, Any]]:
    titles = {f"value_{number}": text(index + number) for number in range(2)}
    lifecycle = {"since": "1.0.0", "deprecated": {"since": "1.1.0", "note": text(index)}}
    return {
        f"choice_{index}": {
            "title": text(index), "type": "enum", "description": text(index), "values": titles, **lifecycle,
            "annotations": {"note": text(index), "words": [text(index), "tame"], "choice": "one"},
        },
        f"number_{index}": {
            "title": text(index), "type": "integer", "description": text(index), "unit": text(index),
        },
        f"words_{index}": {"title": text(index), "type": "list of string", "description": text(index)},
    }  # fmt: skip


def _event(index: int, text: Text) -> dict[str, Any]:
    message = text(index).replace("{", "{{").replace("}", "}}")
    use = {"title": text(index), "description": text(index), "required": False}
    return {
        "title": text(index),
        "description": f"{text(index)}\n\n{text(index + 1)}",
        "message": f"{message} {{actor}}",
        "metadata": {f"{kind}_{index}": use for kind in ("choice", "number", "words")},
        "example": {f"words_{index}": [text(index), "tame"], f"number_{index}": 7},
        "since": "1.0.0",
        "deprecated": {"since": "1.1.0", "note": text(index)},
        "annotations": {"note": text(index), "words": [text(index), "tame"]},
    }


def write(folder: Path, files: Files) -> Path:
    """Write the files, as JSON, which is YAML with all quotes."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content), "utf-8")
    return folder


def hostile(texts: tuple[str, ...] = HOSTILE) -> Text:
    """Each of the texts, over and over."""
    return lambda index: texts[index % len(texts)]


def tame(index: int) -> str:
    """A text without any surprise."""
    return f"Text {index}"
