"""A wrong and a right example for every rule of `coverage`; `auditwright explain` prints them.

They are about the small catalog of `checks/explanations.py`, which has the event board_deleted. A test checks
that only the wrong example gives the finding.
"""

from typing import NamedTuple


class CodeExample(NamedTuple):
    """A wrong and a right version of some Python code, or of a command line."""

    bad: str
    good: str
    deleted: str = ""
    """What the event board_deleted has in the catalog besides."""


_DELETED = 'audit.workspace.boards.board_deleted(board_id="b-1")'
_RECORDED = 'log.record_event("workspace.boards.{}", metadata)'

EXAMPLES = {
    "AC971": CodeExample(
        "# no code mentions workspace.boards.board_deleted",
        _DELETED,
    ),
    "AC972": CodeExample(_DELETED.replace("deleted", "deletd"), _DELETED),
    "AC973": CodeExample(
        f"{_DELETED}  # the catalog says: deprecated, use board_created",
        'audit.workspace.boards.board_created(board_id="b-1", visibility="team")',
        "deprecated: {since: 1.1.0, use: workspace.boards.board_created}",
    ),
    "AC974": CodeExample(f"def delete(board)\n    {_DELETED}", f"def delete(board):\n    {_DELETED}"),
    "AC975": CodeExample(
        f"{_RECORDED.format('board_removed')}  # the catalog says: aliases of board_deleted",
        _RECORDED.format("board_deleted"),
        "aliases: [workspace.boards.board_removed]",
    ),
    "AC976": CodeExample(
        "auditwright coverage src --elsewhere 'workspace.bords.*'",
        "auditwright coverage src --elsewhere 'workspace.boards.*'",
    ),
}
"""By rule code."""
