"""The fault campaign: a log under faults of the database, the disk, the network and the clock.

`python -m tests.faults` runs it and prints what became of the entries; `test_faults.py` is its short form.
"""
