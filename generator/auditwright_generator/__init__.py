"""The generator: reads the YAML catalog, checks it, and writes what is generated from it.

load -> check -> resolve -> targets -> write; `generate.py` shows the pipeline on one page.
Nothing here is imported by a service: the runtime (`auditwright`) and this package know each other
only through the files in `generated/`.
"""
