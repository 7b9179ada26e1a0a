"""`python -m auditwright` is the same as `auditwright`."""

from auditwright.cli import main

raise SystemExit(main())
