"""What operators do with a database."""
