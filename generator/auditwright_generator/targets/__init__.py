"""The targets: a module per artifact, with one or two pure functions from the catalog to `{path: text}`.

`whole` returns the files of the whole catalog, `of_category` those of one category; see `generate.Target`.
A new artifact is a module here, its templates and a row in `generate.TARGETS`. Paths are relative to the
output folder.
"""
