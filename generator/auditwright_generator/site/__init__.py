"""What `auditwright site build` and `site check` do: one run of Sphinx on a site, and what is wrong with it.

`outdated.py` compares the references with their catalogs, `build.py` runs Sphinx in a cache, `findings.py`
and `html_check.py` find mistakes, and `publish.py` replaces the published folder. `errors.py` says in one
line why there is no site. What happens inside of Sphinx is the extension's, in `sphinx/`.
"""
