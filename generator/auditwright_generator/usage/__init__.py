"""`auditwright coverage`: which events of the catalog Python code emits; it is parsed, never imported.

`sources.py` finds and parses files, `reader.py` takes from a tree what may concern events, `values.py`
works out what names stand for, `coverage.py` judges, `report.py` prints. Nothing here reads YAML.
"""

from auditwright_generator.usage.rules import RULES

__all__ = ["RULES"]
