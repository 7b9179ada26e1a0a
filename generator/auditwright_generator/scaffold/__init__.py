"""Writes catalogs for people: a new catalog, and new events, categories, levels and fields.

Files are changed by inserting lines of text. A YAML round trip would reformat the rest of the file.
"""
