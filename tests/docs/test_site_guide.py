"""docs/site.md: its table has the extension's values, and its other commands build the site.

The three commands are run by `tests/support/team_site.py`.
"""

import ast
import re
import subprocess
import sys

import yaml
from tests.support.markdown import blocks, rows, section
from tests.support.paths import DOCS, ROOT
from tests.support.team_site import GUIDE, Team

EXTENSION = ROOT / "generator" / "auditwright_generator" / "sphinx" / "__init__.py"


def registered() -> dict[str, object]:
    """The values that the extension adds to conf.py, with their defaults."""
    calls = [
        node
        for node in ast.walk(ast.parse(EXTENSION.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_config_value"
    ]
    return {ast.literal_eval(call.args[0]): ast.literal_eval(call.args[1]) for call in calls}


def test_the_table_has_the_values_of_the_extension() -> None:
    listed = {
        row[0].strip("`"): ast.literal_eval(row[1].strip("`"))
        for row in rows(section(GUIDE, "Values of conf.py"))
    }
    assert list(listed.items()) == list(registered().items())


def test_plain_sphinx_builds_the_site_with_another_theme(team: Team) -> None:
    """`alabaster` comes with Sphinx; the edit is the one that the page describes."""
    (block,) = [each for each in blocks(GUIDE, "python") if each.text.startswith("html_theme")]
    theme = block.text.replace("furo", "alabaster")
    team.write("docs/conf.py", re.sub(r"(?m)^html_theme = .*\n", theme, team.read("docs/conf.py")))
    (line,) = re.findall(r"(?m)^sphinx-build (.+)$", GUIDE.read_text("utf-8"))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", *line.split()]
    done = subprocess.run(command, cwd=team.folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "alabaster.css" in team.read("build/html/index.html")
    assert 'id="project_created"' in team.read("build/html/reference/account/projects.html")


def test_read_the_docs_gets_the_folder_of_the_site() -> None:
    (block,) = blocks(GUIDE, "yaml")
    found = yaml.safe_load(block.text)
    assert found["sphinx"]["configuration"] == "docs/conf.py"
    assert found["build"]["jobs"]["install"] == ['pip install "auditwright[site]"']
    assert (DOCS / "conf.py").is_file()
