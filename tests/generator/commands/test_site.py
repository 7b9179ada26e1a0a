"""`auditwright site`: the site of another team, its findings, and what ends a build."""

import logging
import os
import re
import resource
import shutil
import signal
import sys
from pathlib import Path

import pytest
from docutils import nodes
from docutils.parsers.rst import directives, roles
from sphinx import locale
from tests.runtime.commands.test_command_line import BLOCKED, python
from tests.support.command_line import Auditwright
from tests.support.team_site import TITLE, Team

ESCAPED = "Acme &amp; Söhne: &quot;audit&quot; &lt;b&gt;events"
AS_IT_WAS = "build/site is as it was"
HOOK = """

def setup(app):
    from sphinx.util import logging

    def warn(app, page, text):
        if page == "index":
            logging.getLogger("acme").warning("as it is read", location=(page, 1))

    app.connect("source-read", warn)
"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>'


def test_three_commands_make_the_site_of_another_team(team_site: Team) -> None:
    home, page = (
        team_site.read("build/site/index.html"),
        team_site.read("build/site/reference/account/projects.html"),
    )
    assert f"<h1>{ESCAPED}<" in home
    assert "<b>events" not in home + page
    assert 'href="reference/index.html"' in home
    assert 'id="project_created"' in page
    assert 'href="_static/brand.css' in home
    assert team_site.read("build/.site/.gitignore") == "*\n"


def test_an_unchanged_site_is_left_alone(team_site: Team) -> None:
    before = team_site.times("build/site")
    done = team_site.run("site", "build")
    assert (done.code, done.err) == (0, "")
    assert team_site.times("build/site") == before


def test_title_logo_and_colours_are_the_teams(team: Team) -> None:
    """The page about validation goes with the edition, and with its page on the site."""
    team.replace("docs/conf.py", "# html_logo", "html_logo")
    team.write("docs/_static/logo.svg", LOGO)
    conf = re.sub("^project = .*$", 'project = "Globex"', team.read("docs/conf.py"), flags=re.M)
    team.write("docs/conf.py", conf)
    team.replace("docs/_static/brand.css", "--pst-color-primary: #0b5394", "--pst-color-primary: #7a0019")
    done = team.run("site", "build", "--edition", "reader", "--out", "public")
    assert (done.code, done.err) == (0, ""), done.out
    assert not (team.folder / "public/reference/json_schema.html").exists()
    home = team.read("public/index.html")
    assert "— Globex</title>" in home or "&#8212; Globex</title>" in home
    assert 'src="_static/logo.svg"' in home
    assert "--pst-color-primary: #7a0019;" in team.read("public/_static/brand.css")
    assert "Python" not in team.read("public/reference/account/projects.html")


def test_findings_are_at_the_lines_that_people_edit(team: Team) -> None:
    table = "\n| a | b |\n|---|---|\n| c | d |\n\n[x](nowhere.md) and [y](#nowhere)\n\n{nothing}`z`\n"
    team.append("docs/index.md", table)
    team.append("docs/conf.py", HOOK)
    line = team.read("docs/index.md").splitlines().index("{nothing}`z`") + 1
    before = team.times("build/site")
    for _ in range(2):  # a finding of a page is not forgotten when the page has not changed
        done = team.run("site", "build")
        assert (done.code, done.err) == (1, "")
        target = "'myst' cross-reference target not found: 'nowhere'"
        assert done.out.splitlines() == [
            "docs/index.md:1: as it is read",
            f"docs/index.md:{line - 2}: {target} [myst.xref_missing]",
            f"docs/index.md:{line - 2}: a link to 'nowhere.md', which is no file [auditwright.link]",
            f'docs/index.md:{line}: Unknown interpreted text role "nothing". [myst.role_unknown]',
            f"4 findings; {AS_IT_WAS}",
        ]
    assert team.times("build/site") == before


def test_check_finds_broken_links_of_html_and_leaves_no_site(team: Team) -> None:
    html = '\n<a href="reference/none.html">x</a> <img src="https://cdn.example.com/a.png" alt="">\n'
    team.append("docs/index.md", html)
    line = len(team.read("docs/index.md").splitlines())
    before = team.times("build")
    done = team.run("site", "check")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        f"docs/index.md:{line}: links to reference/none.html, which is not on the site",
        f"docs/index.md:{line}: loads https://cdn.example.com/a.png from another host; "
        "a copy belongs into `html_static_path`",
        "2 findings",
    ]
    assert team.times("build") == before


def test_an_outdated_reference_is_a_finding(team: Team) -> None:
    team.replace("catalog/account/projects.yaml", "title: Project created", "title: Project added")
    done = team.run("site", "build")
    assert (done.code, done.err) == (1, "")
    assert (
        done.out
        == f"generated: not current with catalog; run `auditwright generate`\n1 finding; {AS_IT_WAS}\n"
    )


def test_an_interrupted_build_leaves_the_earlier_site(team: Team) -> None:
    """The interruption comes to all processes of the build while they read, as from a terminal."""
    hook = (
        "\n\ndef setup(app):\n    import os, signal\n"
        "    app.connect('doctree-read', lambda *_: os.killpg(0, signal.SIGINT))\n"
    )
    whole, conf = team.times("build/site"), team.read("docs/conf.py")
    team.append("docs/conf.py", hook)
    done = team.run("site", "build")
    assert (done.code, done.out) == (130, "")
    assert done.err == f"\nauditwright: stopped; {AS_IT_WAS}\nauditwright: interrupted\n"
    assert team.times("build/site") == whole
    team.write("docs/conf.py", conf)
    done = team.run("site", "build")
    assert (done.code, done.err) == (0, ""), done.out


def test_a_full_disk_leaves_the_site_as_it_was(team: Team) -> None:
    """A limit on the size of files stands for a disk that has no room for the larger ones."""
    before = team.times("build/site")
    team.append("docs/index.md", "\nMore.\n")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = team.run("site", "build", "--all", before=limit)
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(rf"auditwright: .*File too large.*; {AS_IT_WAS}\n", done.err)
    assert team.times("build/site") == before


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


@pytest.mark.filterwarnings("ignore")  # of Sphinx, about what extensions use
def test_a_process_can_build_again_after_a_mistake(
    plain: Auditwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sphinx keeps its directives, and its handlers of log records, which fail after a run that broke off."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # other tests' threads mind a fork
    conf = tmp_path / "docs" / "conf.py"
    correct = conf.read_text("utf-8")
    before = process_state()
    conf.write_text(f'{correct}\nimport sys\nsys.path.insert(0, "ours")\nhtml_theme = "unknown"\n', "utf-8")
    assert plain("site", "build").code == 2
    assert process_state() == before
    logging.getLogger("sphinx.acme").warning("as it is read", extra={"location": "index"})
    conf.write_text(correct, "utf-8")
    for _ in range(2):
        done = plain("site", "build", "--all")
        assert done.code == 0, done
        assert process_state() == before


def process_state() -> dict[str, object]:
    """What a run of Sphinx may change in a process, and others of the process use."""
    loggers = {name: logging.getLogger(name) for name in ("root", "sphinx")}
    return {
        "logging": {
            name: (each.level, each.propagate, each.handlers.copy()) for name, each in loggers.items()
        },
        "directives": dict(vars(directives)["_directives"]),
        "roles": dict(vars(roles)["_roles"]),
        "visitors": sorted(vars(nodes.SparseNodeVisitor)),
        "translators": dict(locale.translators),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "path": sys.path.copy(),
        "interrupt": signal.getsignal(signal.SIGINT),
    }


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
    assert values["auditwright_versions"] == {"reference": "../catalog"}
    assert (tmp_path / "docs/.gitignore").read_text("utf-8") == "/reference/\n"
    brand = (tmp_path / "docs/_static/brand.css").read_text("utf-8")
    assert "/* links, and what is selected */" in brand
    assert brand.count("--pst-color-link-higher-contrast: ") == 2  # links in tables, in light and in dark


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
    assert 'auditwright_versions = {"reference": "../../some where/audit"}' in conf
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
