"""The generator: reads the YAML catalog, checks it, and writes what is generated from it.

source -> checks -> targets -> output; `check.py` and `generate.py` show the pipeline on a page each.
Nothing here is imported by a service: the runtime (`auditwright`) and this package know each other
only through the files in `generated/`.
"""
