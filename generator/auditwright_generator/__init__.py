"""The generator: reads a YAML catalog, checks it, and writes schemas, models, tables, emitters and docs.

The pipeline is source -> checks -> targets -> output; `check.py` and `generate.py` run its two halves.
Services never import this package. It shares nothing with the runtime but the files in `generated/`.
"""
