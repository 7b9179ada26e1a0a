"""The targets: each is a pure function from the resolved catalog to files, `Catalog -> {path: text}`.

Adding an artifact is adding one module here, its templates, and one row in `generate.TARGETS`. Paths are
relative to the output folder, with forward slashes.
"""
