"""`auditwright secret-key`: a new key for the fingerprints of secret fields."""

import argparse
import sys

from auditwright.commands import Command
from auditwright.recording.fingerprint import VARIABLE, SecretKey


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--id", metavar="ID", default="k1", help="the key's id, stored with each fingerprint (default: k1)"
    )


def _run(options: argparse.Namespace) -> int:
    try:
        key = SecretKey.generate(options.id)
    except ValueError as error:
        print(f"auditwright: --id: {error}", file=sys.stderr)
        return 2
    print(key.text())
    print(f"keep it with the deployment's other secrets, as {VARIABLE}; not in the database", file=sys.stderr)
    return 0


command = Command("make a key for the fingerprints of secret fields", _configure, _run)
