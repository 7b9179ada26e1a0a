"""What changed between two catalogs, whom that breaks, and which version it needs: for `auditwright diff`."""
