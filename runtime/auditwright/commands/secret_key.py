"""`auditwright secret-key`: generate a key for the fingerprints of secret fields."""

import argparse
import sys

from auditwright.recording.fingerprint import VARIABLE, SecretKey
from auditwright.text import print_lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--id", metavar="ID", default="k1", help="the key's id, stored with each fingerprint (default: k1)"
    )


def run(options: argparse.Namespace) -> int:
    """Print a new key."""
    try:
        key = SecretKey.generate(options.id)
    except ValueError as error:
        print_lines(f"auditwright: --id: {error}", file=sys.stderr)
        return 2
    print_lines(key.text())
    print_lines(
        f"store it with the deployment's other secrets, as {VARIABLE}; not in the database", file=sys.stderr
    )
    return 0
