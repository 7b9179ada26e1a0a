"""No input causes a traceback or an endless run of `check`: bytes, depth, size, aliases, tabs, encodings."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generator.run_command import run
from tests.support.campaigns import examples

from auditwright_generator import cli
from auditwright_generator.checks.explanations import BASE

PIECES = [
    *(
        b"\t",
        b"\r\n",
        b"\r",
        b"\n",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x85",
        b"\xc3\x28",
        b"\xf0\x9f\x92\xa9",
    ),
    *(
        b"&a ",
        b"*a ",
        b"<<: *a\n",
        b"!!python/object:os.system ",
        b"!<tag:x> ",
        b"%YAML 1.2\n",
        b"---\n",
        b"...\n",
    ),
    *(
        b"? ",
        b"- ",
        b"[",
        b"]",
        b"{",
        b"}",
        b": ",
        b", ",
        b"| ",
        b">-\n",
        b'"',
        b"'",
        b"#",
        b"\\",
        b'"\\ud800"',
    ),
    *(b"1e999", b"9" * 400, b"0x" + b"f" * 99, b"on", b"2026-13-45", b"null", b"~", b"[" * 60, b"{a: " * 60),
    b'suppress: {AC651: {reason: x, until: "9999-99-99"}}\n',
    b"suppress: {AC651: [x]}\n",
    b"reserved: {a.b: c}\n",
    b"accepted: [{rule: BR201}]\n",
    b"version: 99999999999999999999.0.0\n",
    b"since: 2.0.0\n",
    b"deprecated: {since: 1.0.0, use: x}\n",
    b'  pattern: "^((((((((a|b)*)*)*)*)*)*)*)*$"\n',
    b'  pattern: "a{1000}{1000}{1000}"\n',
    b'  pattern: "["\n',
]


def check(folder: Path, format_: str = "text") -> tuple[int, str]:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        code = run(cli.check, "--catalog", str(folder), "--format", format_)
    return code, printed.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@settings(max_examples=examples(300), deadline=2000)
@given(
    file=st.sampled_from(sorted(BASE)),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=8)),
        min_size=1, max_size=4,
    ),
    format_=st.sampled_from(["text", "json", "github", "sarif"]),
)  # fmt: skip
def test_random_bytes_in_a_catalog_give_no_traceback(
    file: str, edits: list[tuple[float, int, bytes]], format_: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzzed")
    content = BASE[file].encode()
    for where, cut, piece in edits:
        start = int(where * len(content))
        content = content[:start] + piece + content[start + cut :]
    write(folder, {path: text.encode() for path, text in BASE.items()} | {file: content})
    code, printed = check(folder, format_)
    assert code in (0, 1)
    assert printed


BOMB = "\n".join(
    ["a0: &a0 [x]", *(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 40))]
)
HOSTILE = {
    "nothing": b"",
    "bytes": bytes(range(256)) * 20,
    "utf-16": BASE["fields.yaml"].encode("utf-16"),
    "utf-32": BASE["fields.yaml"].encode("utf-32"),
    "latin": BASE["fields.yaml"].replace("Whoever", "Wh\u00f6ever").encode("latin-1"),
    "tabs": BASE["fields.yaml"].replace("  ", "\t").encode(),
    "depth": b"[" * 200_000,
    "depth of mappings": b"{a: " * 200_000,
    "depth of blocks": b"\n".join(b" " * level + b"a:" for level in range(2_000)),
    "bomb": BOMB.encode(),
    "bomb of merges": BOMB.replace("a1:", "<<:").encode(),
    "huge scalar": b"title: " + b"x" * 3_900_000,
    "huge key": b"x" * 3_900_000 + b": 1",
    "huge quoted text": b'title: "' + b"\\n" * 1_900_000 + b'"',
    "unended quotes": b'title: "' + b"x\n" * 1_900_000,
    "many keys": b"\n".join(b"key_%d: {title: x}" % number for number in range(2_000)),
    "one key many times": b"key: 1\n" * 10_000,
    "many documents": b"---\na: 1\n" * 50_000,
    "comments": b"# x\n" * 900_000,
    "too large": b"#" * (4 * 1024 * 1024 + 1),
    "null bytes": b"\x00" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("file", sorted(BASE))
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_gives_a_readable_error(content: bytes, file: str, tmp_path: Path) -> None:
    write(tmp_path, {path: text.encode() for path, text in BASE.items()} | {file: content})
    code, printed = check(tmp_path)
    if file == "fields.yaml" and content == b"":
        assert code == 1
    assert code in (1, 2)
    assert "Traceback" not in printed
    assert len(printed.splitlines()[0]) < 1000


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_line_ends_and_byte_order_mark_change_nothing(ends: str, mark: bytes, tmp_path: Path) -> None:
    write(tmp_path, {path: mark + text.replace("\n", ends).encode() for path, text in BASE.items()})
    code, printed = check(tmp_path)
    assert (code, printed.partition(",")[0]) == (0, "3 events")


def test_a_catastrophic_pattern_takes_linear_time(tmp_path: Path) -> None:
    fields = BASE["fields.yaml"].replace("  max_length: 40\n", '  pattern: "^(([a-z]*)*)*-1$"\n', 1)
    boards = BASE["workspace/boards.yaml"].replace("board_id: b-1", f"board_id: {'b' * 5000}", 1)
    files = BASE | {"fields.yaml": fields, "workspace/boards.yaml": boards}
    write(tmp_path, {path: text.encode() for path, text in files.items()})
    code, printed = check(tmp_path)
    assert (code, "AC502 invalid-example" in printed) == (1, True)
