"""A wrong and a right example for every rule of `check`, as excerpts of one small catalog.

`auditwright explain` prints them. A test checks that only the wrong example gives the finding. `examples.py`
checks the examples of events.
"""

from dataclasses import dataclass

CATALOG = """\
format: 1
package: board_events
title: Events of the boards
version: 1.2.0
levels:
  workspace:
    title: Workspace events
    metadata: [user_id, ip_address]
"""

FIELDS = """\
user_id:
  title: User ID
  type: string
  entry: actor_id
  description: Whoever did it.
ip_address:
  title: IP Address
  type: ip
  entry: ip_address
  sensitivity: personal
  description: Where it was done from.
board_id:
  title: Board ID
  type: string
  max_length: 40
  description: Which board it was.
visibility:
  title: Visibility
  type: enum
  values: {team: The team, everyone: Everyone}
  description: Who can see the board.
days:
  title: Days
  type: integer
  unit: days
  min: 1
  max: 90
  description: How long the link works.
guest:
  title: Guest
  type: email
  sensitivity: personal
  description: Who was told about it.
"""

BOARDS = """\
category: boards
title: Boards
description: Boards, from making one to deleting it.
metadata:
  board_id: {}
  visibility: {except: [board_deleted]}
events:
  board_created:
    title: Board created
    description: Someone made a board. Recorded when it can be opened.
    message: "{actor} created board {board_id}."
    example: {board_id: b-1, visibility: team}
  link_sent:
    title: Link sent
    description: Someone let others see a board. Recorded when the link works.
    message: "{actor} sent a link to board {board_id}."
    metadata:
      days: {when: {visibility: everyone}}
      guest: {required: false}
    example: {board_id: b-1, visibility: everyone, days: 30, guest: ada@example.com}
  board_deleted:
    title: Board deleted
    description: A board is gone. Recorded when nobody can open it any more.
    message: "{actor} deleted board {board_id}."
    example: {board_id: b-1}
"""

BASE = {"catalog.yaml": CATALOG, "fields.yaml": FIELDS, "workspace/boards.yaml": BOARDS}


@dataclass(frozen=True, slots=True)
class Example:
    """A wrong and a right version of an excerpt."""

    path: str
    """The file of the catalog."""
    bad: str
    good: str
    """Empty if the right version has no such file."""
    instead_of: str = ""
    """The excerpt of the small catalog to replace; "" if it is `good`."""

    def catalog(self, text: str) -> dict[str, str]:
        """The small catalog with the text in place of the excerpt."""
        if self.path not in BASE:
            return BASE | ({self.path: text} if text else {})
        return BASE | {self.path: BASE[self.path].replace(self.instead_of or self.good, text, 1)}


_BOARDS = "workspace/boards.yaml"
_VERSION = "version: 1.2.0\n"
_LAST = "    example: {board_id: b-1}\n"
_DELETED = "  board_deleted:\n    title: Board deleted\n"
_WHEN = "      days: {when: {visibility: everyone}}\n"
_GUEST_USE = "      guest: {required: false}\n"
_SENT_MESSAGE = '    message: "{actor} sent a link to board {board_id}."\n'
_GUEST = "guest:\n  title: Guest\n  type: email\n  sensitivity: personal\n"
_WHO = "  description: Who was told about it.\n"
_GUEST_FIELD = _GUEST + _WHO
_BOARD_ID = "  type: string\n  max_length: 40\n"
_DAYS = "  unit: days\n  min: 1\n  max: 90\n"
_VALUES = "  values: {team: The team, everyone: Everyone}\n"
_EVENTS = "  visibility: {except: [board_deleted]}\nevents:\n"
_UPDATED = (
    "  board_updated:\n    title: Board updated\n"
    "    description: Someone changed who can see a board. Recorded when they can.\n"
    '    message: "{actor} changed board {board_id}."\n    example: '
)
_OLD = (
    "reader:\n  title: Reader\n  type: string\n  description: Who opened the link.\n"
    "  deprecated: {{since: 1.0.0, use: {}}}\n"
)
_CHANNEL = _OLD.replace("{}", "guest").replace("string", "enum\n  values: {{{}}}")
_OLD_USER = "user_id:\n  deprecated: {since: 1.1.0, use: guest}\n"


def _event(name: str, title: str = "Board put away", description: str = "") -> str:
    """Another event after the last one."""
    return (
        f"{_LAST}  {name}:\n    title: {title}\n"
        f"    description: {description or 'Someone put a board away. Recorded when it left the lists.'}\n"
        '    message: "{actor} put board {board_id} away."\n'
        "    example: {board_id: b-1, visibility: team}\n"
    )


def _undone(name: str) -> str:
    """An event that undoes the one of `_event`."""
    return _event(name, "Board back", "Someone took it out. Recorded when it shows.").removeprefix(_LAST)


def _field(name: str, description: str = "Who has to agree before others see it.") -> str:
    """The field `guest` with another name or description."""
    return _GUEST.replace("guest", name) + f"  description: {description}\n"


EXAMPLES = {
    "AC001": Example(_BOARDS, "\ttitle: Board created\n", "    title: Board created\n"),
    "AC002": Example(_BOARDS, "title: Boards\ntitle: All boards\n", "title: Boards\n"),
    "AC003": Example(_BOARDS, "    titel: Board created\n", "    title: Board created\n"),
    "AC004": Example(_BOARDS, _DELETED.replace("    title: Board deleted\n", ""), _DELETED),
    "AC005": Example("fields.yaml", "  max_length: forty\n", "  max_length: 40\n"),
    "AC006": Example("fields.yaml", "  unit: 1.10\n", '  unit: "1.10"\n', "  unit: days\n"),
    "AC007": Example("catalog.yaml", "format: 2\n", "format: 1\n"),
    "AC008": Example(_BOARDS, "category: board\n", "category: boards\n"),
    "AC010": Example("fields.yaml", "  values: &seen {team: The team, everyone: Everyone}\n", _VALUES),
    "AC011": Example("workspace/old/boards.yaml", "category: boards\n", ""),
    "AC012": Example("fields.yaml", "  type: text\n  max_length: 40\n", _BOARD_ID),
    "AC101": Example(_BOARDS, _DELETED + "    aliases: [workspace.boards.board_created]\n",
                     _DELETED + "    aliases: [workspace.boards.board_removed]\n", _DELETED),
    "AC102": Example(_BOARDS, _event("created_board"), _event("board_put_away"), _LAST),
    "AC103": Example(_BOARDS, _event("link_1") + _undone("link1"), _event("link_put_away"), _LAST),
    "AC105": Example(_BOARDS, "{except: [bord_deleted]}", "{except: [board_deleted]}"),
    "AC106": Example(_BOARDS, "      gest: {required: false}\n", _GUEST_USE),
    "AC107": Example(_BOARDS, "      days: {max: 365, when: {visibility: everyone}}\n",
                     "      days: {max: 30, when: {visibility: everyone}}\n", _WHEN),
    "AC108": Example("catalog.yaml", _VERSION + "reserved: {days: It counted hours until 0.9}\n",
                     _VERSION + "reserved: {hours: It became days with 0.9}\n", _VERSION),
    "AC110": Example("fields.yaml", _GUEST_FIELD + _field("approver"), _GUEST_FIELD, _GUEST_FIELD),
    "AC111": Example("catalog.yaml", "  workspace:\n    title: Workspace events\n"
                     "    metadata: [user_id, ip_address]\n  billing:\n    title: Billing events\n",
                     "  workspace:\n    title: Workspace events\n    metadata: [user_id, ip_address]\n"),
    "AC112": Example("catalog.yaml", "  workspaces:\n", "  workspace:\n"),
    "AC114": Example(_BOARDS, "{except: [board_deleted], only: [board_created, link_sent]}",
                     "{except: [board_deleted]}"),
    "AC116": Example(_BOARDS, "    title: Board created\n    description: A board is gone.",
                     "    title: Board deleted\n    description: A board is gone."),
    "AC117": Example(_BOARDS, "    title: board created\n    description: A board is gone.",
                     "    title: Board deleted\n    description: A board is gone."),
    "AC201": Example(_BOARDS, "  linkSent:\n", "  link_sent:\n"),
    "AC207": Example("fields.yaml", _OLD.format("guest").replace("reader:", "info:") + _GUEST,
                     _OLD.format("guest") + _GUEST, _GUEST),
    "AC210": Example(_BOARDS, "  list:\n", "  link_sent:\n"),
    "AC211": Example(_BOARDS, f"  {'link_sent_to_everyone' * 3}:\n", "  link_sent:\n"),
    "AC302": Example("fields.yaml", "  description: who was told about it\n", _WHO),
    "AC303": Example("fields.yaml", "  description: The guest.\n", _WHO),
    "AC306": Example("fields.yaml", "  description: TODO.\n", _WHO),
    "AC307": Example("fields.yaml", "  title: Guest.\n", "  title: Guest\n"),
    "AC308": Example("fields.yaml", "  description: How long the link works.\n", _WHO),
    "AC401": Example("fields.yaml", "  unit: days\n  min: 100\n  max: 90\n", _DAYS),
    "AC402": Example("fields.yaml", "  type: string\n  max: 40\n", _BOARD_ID),
    "AC403": Example("fields.yaml", '  type: string\n  pattern: "^b-\\\\d+$"\n',
                     '  type: string\n  pattern: "^b-[0-9]+$"\n', _BOARD_ID),
    "AC405": Example("fields.yaml", "  values: {team: Everyone, everyone: Everyone}\n", _VALUES),
    "AC406": Example("fields.yaml", _CHANNEL.format("mail: By mail") + _GUEST,
                     _CHANNEL.format("mail: By mail, chat: By chat") + _GUEST, _GUEST),
    "AC408": Example(_BOARDS, "      days: {when: {visibility: public}}\n", _WHEN),
    "AC409": Example(_BOARDS, "      days: {when: {visibility: [team, everyone]}}\n", _WHEN),
    "AC411": Example(_BOARDS, "      visibility: {values: [nobody]}\n" + _WHEN,
                     "      visibility: {values: [everyone, team]}\n" + _WHEN, _WHEN),
    "AC412": Example(_BOARDS, "      days: {min: 100, when: {visibility: everyone}}\n",
                     "      days: {min: 10, when: {visibility: everyone}}\n", _WHEN),
    "AC413": Example("fields.yaml", '  type: string\n  pattern: "^b-[0-9]{9}$"\n  max_length: 5\n',
                     '  type: string\n  pattern: "^b-[0-9]{1,9}$"\n  max_length: 11\n', _BOARD_ID),
    "AC502": Example(_BOARDS, "days: 300, guest", "days: 30, guest"),
    "AC503": Example(_BOARDS, "guest: ada@lovelace.net", "guest: ada@example.com"),
    "AC504": Example(_BOARDS, '    message: "{actor} sent a link to board {name}."\n', _SENT_MESSAGE),
    "AC505": Example("fields.yaml", "  type: string\n  sensitivity: secret\n", "  type: string\n", _BOARD_ID),
    "AC506": Example(_BOARDS, '    message: "{actor} told {guest} of board {board_id}."\n', _SENT_MESSAGE),
    "AC507": Example(_BOARDS, '    message: "{actor} sent a link to board {board_id!r}."\n', _SENT_MESSAGE),
    "AC508": Example(_BOARDS, '    message: "{user_id} sent a link to board {board_id}."\n', _SENT_MESSAGE),
    "AC602": Example("fields.yaml", "guest:\n  title: Guest\n  type: email\n", _GUEST),
    "AC608": Example("fields.yaml", "  type: email\n  sensitivity: secret\n",
                     "  type: email\n  sensitivity: personal\n"),
    "AC610": Example("fields.yaml", "  entry: actor_id\n  max_length: 9\n", "  entry: actor_id\n"),
    "AC611": Example("fields.yaml", _DAYS + "  column: true\n", _DAYS),
    "AC651": Example(_BOARDS, _event("label_added"),
                     _event("label_added") + _undone("label_removed"), _LAST),
    "AC652": Example(_BOARDS, _event("board_locked"),
                     _event("board_locked") + _undone("board_unlocked"), _LAST),
    "AC653": Example(_BOARDS, _EVENTS.replace("]", ", board_updated]") + _UPDATED + "{board_id: b-1}\n",
                     _EVENTS + _UPDATED + "{board_id: b-1, visibility: team}\n", _EVENTS),
    "AC701": Example(_BOARDS, _DELETED + "    since: 2.0.0\n", _DELETED + "    since: 1.1.0\n", _DELETED),
    "AC702": Example(_BOARDS, _DELETED + "    since: 1.1.0\n    deprecated: {since: 1.0.0, note: Old.}\n",
                     _DELETED + "    since: 1.0.0\n    deprecated: {since: 1.1.0, note: Old.}\n", _DELETED),
    "AC703": Example("fields.yaml", _GUEST + "  deprecated: {since: 1.1.0, use: guests}\n",
                     _GUEST + "  deprecated: {since: 1.1.0, use: board_id}\n", _GUEST),
    "AC704": Example("fields.yaml", _OLD.format("user_id") + _OLD_USER, _OLD.format("guest") + _OLD_USER,
                     "user_id:\n"),
    "AC705": Example("fields.yaml", "days:\n  deprecated: {since: 1.1.0, note: Links work for ever.}\n",
                     "days:\n", "days:\n"),
    "AC706": Example("fields.yaml", _GUEST + "  deprecated: {since: 1.1.0}\n",
                     _GUEST + "  deprecated: {since: 1.1.0, note: Nobody is told any more.}\n", _GUEST),
    "AC707": Example("catalog.yaml", "version: 1.2.0-next\n", "version: 1.2.0-rc.1\n", "version: 1.2.0\n"),
    "AC951": Example(_BOARDS, _DELETED + "    suppress: {AC999: {reason: We know}}\n", _DELETED),
    "AC952": Example(_BOARDS, _DELETED + "    suppress: {AC651: {reason: There is no creating}}\n", _DELETED),
    "AC953": Example("fields.yaml",
                     '  title: Guest\n  suppress: {AC307: {reason: Soon, until: "2020-01-31"}}\n',
                     "  title: Guest\n"),
}  # fmt: skip
"""By rule code."""
