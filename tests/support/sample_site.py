"""A site with three references, one of them hostile, and a guide, built once for all processes of a run."""

from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.paths import ROOT
from tests.support.sphinx_site import build_once, build_site

from auditwright_generator import cli

CONF = """
project = "Acme audit log"
extensions = ["auditwright_generator.sphinx"]
auditwright_references = {"reference": %r, "sink": %r, "hostile": "../generated"}
auditwright_versions = {"sink": "../versions"}
"""

INDEX = """# Acme audit log

What our software records.

<!-- toctree
guide
-->
"""

GUIDE = """# A guide

Read [the reference](reference/index.md), or [a page elsewhere](https://acme.example/help).

| Setting | Type | Default | Since | Meaning of the setting | A word that no screen has the room for |
|---|---|---|---|---|---|
| `a_setting_with_a_long_name` | Text | none | 1.0 | What it is | abcdefghijklmnopqrstuvwxyz0123456789 |

```sh
auditwright generate --catalog a/folder/of/a/catalog --out another/folder/that/makes/this/a/long/line --check
```

<details><summary>More about it</summary>

Folded text.

</details>
"""

WORD = "Donaudampfschifffahrtsgesellschaft" * 4
HOSTILE_TITLE = "<script>document.title='taken'</script> & \"A · B\" `|` {x}"

HOSTILE_CATALOG = f"""format: 1
package: hostile_events
title: '<b>Hostile</b> & {WORD[:60]}'
description: 'Texts with | pipes, `ticks`, {{braces}} and \\ backslashes.'
version: 1.0.0
levels:
  search:
    title: 'Level "one" | <i>'
    metadata: [search]
"""

HOSTILE_FIELDS = f"""search:
  title: '<img src=x onerror=alert(1)> | {WORD[:70]}'
  type: string
  description: 'Any `text`.'
"""

HOSTILE_CATEGORY = f"""category: fields
title: 'רחל ברוך-סגל & <b>'
description: 'Any *text* _here_.'
events:
  static:
    title: '{HOSTILE_TITLE.replace("'", "''")}'
    description: 'It happened to {WORD}, or to somebody else.'
    message: '{{actor}} did it to {{search}}.'
    example: {{search: '</script><script>document.title=1</script>'}}
"""


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory, kitchen_sink: Path) -> Path:
    """The built site, which tests only read."""

    def build(folder: Path) -> None:
        _write_sources(folder, kitchen_sink)
        build_site(folder / "docs", folder / "site")

    return build_once(tmp_path_factory, "sample_site", build) / "site"


def _write_sources(folder: Path, kitchen_sink: Path) -> None:
    newer = (kitchen_sink / "kitchen_sink_events" / "catalog.json").read_text("utf-8")
    older = newer.replace("0.3.0-beta.1", "0.2.0").replace("Device moved", "Device carried")
    texts = {
        "versions/older.json": older,
        "docs/conf.py": CONF % (str(ROOT / "generated"), str(kitchen_sink)),
        "docs/index.md": INDEX,
        "docs/guide.md": GUIDE,
        "catalog/catalog.yaml": HOSTILE_CATALOG,
        "catalog/fields.yaml": HOSTILE_FIELDS,
        "catalog/search/fields.yaml": HOSTILE_CATEGORY,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    assert run(cli.generate, "--catalog", str(folder / "catalog"), "--out", str(folder / "generated")) == 0
