"""Writing a catalog for people: a new one to start from, and new events, categories and fields in one.

What is written by hand stays as it is: files are changed by inserting text, never by dumping YAML.
"""
