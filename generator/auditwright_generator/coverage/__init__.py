"""`auditwright coverage`: which events of the catalog Python code emits. Parses the code, never imports it.

`sources.py` finds and parses files, `walker.py` collects names and uses, `resolver.py` follows names,
`coverage.py` compares with the catalog, `report.py` prints. Nothing here reads YAML.
"""
