"""Where the checkout and its folders are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "catalog"
SYSTEM_CATALOG = ROOT / "runtime" / "catalog"
DOCS = ROOT / "docs"
TEST_CATALOGS = ROOT / "tests" / "catalogs"
