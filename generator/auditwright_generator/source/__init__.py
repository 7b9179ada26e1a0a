"""YAML files -> model: read, check the structure of each file, resolve. What values mean is for `checks`."""
