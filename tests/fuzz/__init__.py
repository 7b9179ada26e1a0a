"""Fuzzing of every entrance of the runtime: `python -m tests.fuzz`.

`hostile.py` has the values, `valid.py` the valid inputs and their mutations, the `entrances_*.py` the calls,
`world.py` what they act on, `campaign.py` runs and judges them, `reading_back.py` checks what is stored.
"""
