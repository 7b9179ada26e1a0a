"""Runs the command line as `python -m auditwright`."""

from auditwright.cli import main

raise SystemExit(main())
