"""Benchmarks; each one measures its variants in alternation in one run, and prints their ratios.

`python3 dev.py benchmarks` runs the default ones, `python -m tests.benchmarks NAME ...` the named ones.
"""
