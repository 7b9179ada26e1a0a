"""Attacks on a log, and what stops them: a module for each kind."""
