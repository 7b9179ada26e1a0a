"""Benchmarks: each prints ratios of things measured side by side in one run.

`python3 dev.py benchmarks`, or `python -m tests.benchmarks NAME ...` for some of them.
"""
