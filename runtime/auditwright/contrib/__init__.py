"""Integrations with the frameworks of applications, a module or package each.

Each imports its framework, so nothing else of Auditwright imports it.
"""
