"""From a call to a stored entry."""
