"""Checks of a catalog: a module for each topic, such as messages, with the functions that find mistakes.

`rules.py` is the table of rules, `values.py` and `expressions.py` serve several topics, and `explanations.py`
has what `auditwright explain` shows. `source` checks the structure of the files.
"""
