"""From a filter to pages of entries."""
