"""`auditwright site`: the site of another team, its findings, and what ends a build."""

import shutil
from pathlib import Path

import pytest
from tests.runtime.commands.test_command_line import BLOCKED, python
from tests.support.command_line import Auditwright

TITLE = 'Acme & Söhne: "audit" <b>events'


# --- errors in one line --------------------------------------------------------------------------------


@pytest.fixture
def plain(auditwright: Auditwright, tmp_path: Path) -> Auditwright:
    """The command in a folder with a catalog, what is generated from it, and the folder of a site."""
    assert auditwright("init", "--package", "acme_audit", "--title", "Acme").code == 0
    assert auditwright("generate").code == 0
    assert auditwright("site", "init").code == 0
    return auditwright


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("x = (", "docs/conf.py:{line}: '(' was never closed"),
        ("y = undefined", "docs/conf.py:{line}: NameError: name 'undefined' is not defined"),
        (
            "import nothing_of_this_name",
            "docs/conf.py:{line}: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("raise SystemExit(3)", "docs/conf.py:{line}: SystemExit: 3"),
        (
            'html_theme = "unknown"',
            "docs/conf.py: no theme named 'unknown' found (missing theme.toml?); correct html_theme, or "
            "install the package of the theme with pip",
        ),
        (
            'extensions.append("nothing_of_this_name")',
            "docs/conf.py: Could not import extension nothing_of_this_name (exception: No module named "
            "'nothing_of_this_name'); correct the name, or install its package with pip",
        ),
        (
            "extensions = []",
            'docs/conf.py: the extension is missing; write extensions = ["auditwright_generator.sphinx"]',
        ),
        (
            'auditwright_edition = "customer"',
            "docs/conf.py: auditwright_edition: expected 'developer' or 'reader', got 'customer'",
        ),
        (
            "def setup(app):\n    raise ValueError('two\\nlines')",
            "Sphinx broke off: ValueError: two; `sphinx-build -j1 -T docs build/html` shows where",
        ),
    ],
)
def test_a_mistake_in_conf_is_one_line(lines: str, message: str, plain: Auditwright, tmp_path: Path) -> None:
    conf = tmp_path / "docs" / "conf.py"
    conf.write_text(f"{conf.read_text('utf-8').rstrip()}\n{lines}\n", "utf-8")
    done = plain("site", "build")
    assert (done.code, done.out) == (2, "")
    line = len(conf.read_text("utf-8").splitlines())
    assert done.err == f"auditwright: {message.format(line=line)}; build/site was not written\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["build", "none"],
            "none/conf.py: no such file; `auditwright site init none` writes one; build/site was not written",
        ),
        (["check", "none"], "none/conf.py: no such file; `auditwright site init none` writes one"),
        (["build", "--out", "docs"], "docs: overlaps the folder of the pages, docs; name another with --out"),
        (
            ["build", "--out", "docs/site"],
            "docs/site: overlaps the folder of the pages, docs; name another with --out",
        ),
        (["build", "--out", "."], ".: overlaps the folder of the pages, docs; name another with --out"),
        (
            ["build", "--out", "catalog/catalog.yaml"],
            "catalog/catalog.yaml: is not a folder; name another with --out",
        ),
        (
            ["build", "--out", "catalog"],
            "catalog: has files that are not of a site and would be lost; name another folder with --out",
        ),
        (
            ["build", "--out", "catalog/catalog.yaml/site"],
            "catalog/catalog.yaml/.site/html: Not a directory; catalog/catalog.yaml/site was not written",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    arguments: list[str], message: str, plain: Auditwright
) -> None:
    done = plain("site", *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {message}\n")


def test_a_missing_reference_names_the_command(plain: Auditwright, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "generated")
    done = plain("site", "build")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("; run `auditwright generate` first; build/site was not written\n")


@pytest.mark.parametrize(
    "package", ["sphinx", "docutils", "myst_parser", "sphinx_design", "pydata_sphinx_theme"]
)
def test_a_missing_package_names_the_extra(package: str, plain: Auditwright, tmp_path: Path) -> None:
    done = python(BLOCKED.format(package=package, arguments=["site", "build"]), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f'auditwright: this command needs the package {package}: pip install "auditwright[site]"\n'
    )


# --- init ------------------------------------------------------------------------------------------------


def test_init_writes_four_files_and_names_the_next_command(auditwright: Auditwright, tmp_path: Path) -> None:
    assert auditwright("init", "--package", "acme_audit", "--title", TITLE).code == 0
    done = auditwright("site", "init")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "docs/conf.py\ndocs/index.md\ndocs/_static/brand.css\ndocs/.gitignore\n"
        "next:\n  auditwright generate\n  auditwright site build\n"
    )
    conf = (tmp_path / "docs/conf.py").read_text("utf-8")
    assert len(conf.splitlines()) < 25
    values: dict[str, object] = {}
    exec(conf, values)
    assert values["project"] == TITLE
    assert values["auditwright_references"] == {"reference": "../generated"}
    assert (tmp_path / "docs/.gitignore").read_text("utf-8") == "/reference/\n"
    assert "/* links, and what is selected */" in (tmp_path / "docs/_static/brand.css").read_text("utf-8")


def test_init_follows_catalog_and_output_elsewhere(auditwright: Auditwright, tmp_path: Path) -> None:
    assert auditwright("init", "some where/audit", "--package", "acme_audit").code == 0
    arguments = ("--catalog", "some where/audit", "--out", "some where/made")
    done = auditwright("site", "init", "web/pages", *arguments)
    assert done.out.splitlines()[-3:] == [
        "next:",
        "  auditwright generate --catalog 'some where/audit' --out 'some where/made'",
        "  auditwright site build web/pages --catalog 'some where/audit'",
    ]
    conf, home = ((tmp_path / "web/pages" / name).read_text("utf-8") for name in ("conf.py", "index.md"))
    assert 'auditwright_references = {"reference": "../../some where/made"}' in conf
    assert "[The reference](<../../some where/made/docs/index.md>)" in home


def test_init_puts_existing_pages_into_the_navigation(auditwright: Auditwright, tmp_path: Path) -> None:
    for path in ("docs/adopt.md", "docs/decisions/0001.md", "docs/.drafts/x.md", "docs/_notes/y.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("# Ours\n", "utf-8")
    auditwright("init", "--package", "acme_audit")
    assert auditwright("site", "init").code == 0
    home = (tmp_path / "docs/index.md").read_text("utf-8")
    assert home.endswith("<!-- toctree\nReference </reference/index>\nadopt\ndecisions/0001\n-->\n")


def test_init_overwrites_nothing(plain: Auditwright, tmp_path: Path) -> None:
    (tmp_path / "docs/.gitignore").unlink()
    done = plain("site", "init")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "auditwright: docs/conf.py, docs/index.md, docs/_static/brand.css exist, and nothing was written; "
        "name another folder, or remove what is not needed\n"
    )
    assert not (tmp_path / "docs/.gitignore").exists()


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("catalog/docs", "catalog/docs is inside the folder of the catalog, catalog"),
        ("generated/site", "generated/site is inside the folder of what is generated, generated"),
        (".", ". has the folder of the catalog, catalog"),
    ],
)
def test_init_keeps_away_from_catalog_and_output(folder: str, message: str, plain: Auditwright) -> None:
    done = plain("site", "init", folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"auditwright: {message}; name another folder, such as docs\n"


def test_init_needs_a_catalog_without_errors(plain: Auditwright, tmp_path: Path) -> None:
    done = plain("site", "init", "other", "--catalog", "none")
    assert (done.code, done.out) == (2, "")
    path = tmp_path / "catalog/account/projects.yaml"
    path.write_text(path.read_text("utf-8").replace("title:", "titel:"), "utf-8")
    done = plain("site", "init", "other")
    assert (done.code, done.out) == (1, "")
    assert 'did you mean "title"' in done.err
    assert not (tmp_path / "other").exists()
