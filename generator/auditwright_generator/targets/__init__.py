"""The targets: each is one or two pure functions from the resolved catalog to files, `{path: text}`.

`whole` gives those that show the whole catalog, `of_category` those of one category; see `generate.Target`.
Adding an artifact is adding one module here, its templates, and one row in `generate.TARGETS`. Paths are
relative to the output folder, with forward slashes.
"""
