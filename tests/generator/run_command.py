"""Runs a generator command in-process, as the runtime's command line does."""

import argparse

from auditwright_generator.cli import Command


def run(command: Command, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(arguments))
