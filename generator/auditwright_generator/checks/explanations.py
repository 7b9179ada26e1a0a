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
expires:
  title: Expires
  type: timestamp
  description: When the link stopped working.
  deprecated: {since: 1.1.0, use: days}
passcode:
  title: Passcode
  type: string
  sensitivity: secret
  description: What opens the link.
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
      expires: {required: false}
      passcode: {}
      guest: {required: false}
    example: {board_id: b-1, visibility: everyone, days: 30, passcode: swordfish, guest: ada@example.com}
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

    def shown(self, text: str) -> str:
        """The version as people read it: whole lines, below the keys that they belong to."""
        if self.path not in BASE:
            return text
        whole = self.catalog(text)[self.path]
        start = BASE[self.path].index(self.instead_of or self.good)
        end = start + len(text) - (len(_GUEST) if text.endswith(_GUEST) and text != _GUEST else 0)
        start += len(_LAST) if text.startswith(_LAST) else 0
        lines = whole[whole.rfind("\n", 0, start) + 1 : max(whole.find("\n", end - 1), end)].splitlines()
        for above in reversed(whole[:start].splitlines()):
            if _indentation(above) < _indentation(lines[0]):
                lines.insert(0, above)
        return "\n".join(lines)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


_BOARDS = "workspace/boards.yaml"
_VERSION = "version: 1.2.0\n"
_LAST = "    example: {board_id: b-1}\n"
"""The end of the last event; others come after it."""
_DELETED = "  board_deleted:\n    title: Board deleted\n"
_WHEN = "      days: {when: {visibility: everyone}}\n"
_GUEST_USE = "      guest: {required: false}\n"
_SENT_MESSAGE = '    message: "{actor} sent a link to board {board_id}."\n'
_GUEST = "guest:\n  title: Guest\n  type: email\n  sensitivity: personal\n"
"""The beginning of the last field; others come before it."""
_WHO = "  description: Who was told about it.\n"
_GUEST_FIELD = _GUEST + _WHO
_BOARD_ID = "  type: string\n  max_length: 40\n"
_DAYS = "  unit: days\n  min: 1\n  max: 90\n"
_VALUES = "  values: {team: The team, everyone: Everyone}\n"


def _stored_values(team: str, everyone: str) -> str:
    return (
        f"  values: {{team: {{title: The team, stored_as: {team}}}, "
        f"everyone: {{title: Everyone, stored_as: {everyone}}}}}\n"
    )


_BOARD = "board_id:\n  title: Board ID\n  type: string\n"
_TARGETS = (
    "source:\n  title: Source\n  type: string\n  target: {}\n  description: Which board was copied.\n"
    "  deprecated: {{since: 1.0.0, use: board_id}}\n" + _BOARD + "  target: board\n"
)
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


def _event(name: str, verb: str, when: str = "it is done") -> str:
    """Another event after the last one: someone has done something with a board."""
    return (
        f"{_LAST}  {name}:\n    title: {name.replace('_', ' ').capitalize()}\n"
        f"    description: Someone {verb} a board. Recorded when {when}.\n"
        f'    message: "{{actor}} {verb} board {{board_id}}."\n'
        "    example: {board_id: b-1, visibility: team}\n"
    )


def _events(*events: str) -> str:
    """Several events after the last one."""
    return _LAST + "".join(event.removeprefix(_LAST) for event in events)


_STEP_2 = _event("step_2_done", "finished step 2 of")
_STEP2 = _event("step2_done", "finished setting up").replace("Step2 done", "Setup finished")
_LOCKED = _event("board_locked", "locked", "nobody can edit it any more")
_UNLOCKED = _event("board_unlocked", "unlocked", "it can be edited again")
_LABEL_ADDED = _event("label_added", "added a label to", "the label shows")
_LABEL_REMOVED = _event("label_removed", "removed a label from", "the label is gone")
_SIGNED_IN = _event("signed_in", "signed in to")
_FAILURE = '    failure_message: "{}."\n'
_APPROVER = (
    "approver:\n  title: Approver\n  type: email\n  sensitivity: personal\n"
    "  description: Who has to agree before others see it.\n"
)
_OWNER = "annotation_keys: {owner: {title: Owner, type: string}}\n"
_OWNED = "annotations: {owner: growth}\n"
_REQUIRED = _OWNER.replace("string", "string, for: [catalog, event], required: true")
_RETENTION = "annotation_keys: {retention: {title: Retention in days, type: integer}}\n"
_CODES = "annotation_keys:\n  code: {{title: Code, type: string}}\n  ref: {{title: {}, type: integer}}\n"


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
    "AC102": Example(_BOARDS, _event("created_board", "copied"), _event("board_copied", "copied"), _LAST),
    "AC103": Example(_BOARDS, _events(_STEP_2, _STEP2), _STEP_2, _LAST),
    "AC105": Example(_BOARDS, "{except: [bord_deleted]}", "{except: [board_deleted]}"),
    "AC106": Example(_BOARDS, "      gest: {required: false}\n", _GUEST_USE),
    "AC107": Example(_BOARDS, "      days: {max: 365, when: {visibility: everyone}}\n",
                     "      days: {max: 30, when: {visibility: everyone}}\n", _WHEN),
    "AC108": Example("catalog.yaml", _VERSION + "reserved: {days: It counted hours until 0.9}\n",
                     _VERSION + "reserved: {hours: It became days with 0.9}\n", _VERSION),
    "AC110": Example("fields.yaml", _GUEST_FIELD + _APPROVER, _GUEST_FIELD, _GUEST_FIELD),
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
    "AC118": Example("fields.yaml", _TARGETS.format("boards"), _TARGETS.format("board"), _BOARD),
    "AC201": Example(_BOARDS, "  linkSent:\n", "  link_sent:\n"),
    "AC207": Example("fields.yaml", _OLD.format("guest").replace("reader:", "info:") + _GUEST,
                     _OLD.format("guest") + _GUEST, _GUEST),
    "AC210": Example(_BOARDS, "  list:\n", "  link_sent:\n"),
    "AC211": Example(_BOARDS, "  link_to_a_board_sent_to_a_person_of_another_workspace:\n",
                     "  link_sent:\n"),
    "AC212": Example("fields.yaml", "  stored_as: board_id\n  title: Guest\n",
                     "  stored_as: guestMail\n  title: Guest\n", "  title: Guest\n"),
    "AC213": Example("fields.yaml", _stored_values("ALL", "ALL"), _stored_values("TEAM", "ALL"), _VALUES),
    "AC214": Example("fields.yaml", _stored_values("1", "ALL"), _stored_values("1", "2"), _VALUES),
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
    "AC414": Example("fields.yaml", "  target: guest\n  type: email\n", "  type: email\n"),
    "AC502": Example(_BOARDS, "days: 300, passcode", "days: 30, passcode"),
    "AC503": Example(_BOARDS, "guest: ada@lovelace.net", "guest: ada@example.com"),
    "AC504": Example(_BOARDS, '    message: "{actor} sent a link to board {name}."\n', _SENT_MESSAGE),
    "AC505": Example(_BOARDS, '    message: "{actor} sent a link with {passcode} to board {board_id}."\n',
                     _SENT_MESSAGE),
    "AC506": Example(_BOARDS, '    message: "{actor} told {guest} of board {board_id}."\n', _SENT_MESSAGE),
    "AC507": Example(_BOARDS, '    message: "{actor} sent a link to board {board_id!r}."\n', _SENT_MESSAGE),
    "AC508": Example(_BOARDS, '    message: "{user_id} sent a link to board {board_id}."\n', _SENT_MESSAGE),
    "AC509": Example(_BOARDS, _SENT_MESSAGE + _FAILURE.format("{actor} sent a link to board {board_id}"),
                     _SENT_MESSAGE + _FAILURE.format("{actor} failed to send a link to board {board_id}"),
                     _SENT_MESSAGE),
    "AC602": Example("fields.yaml", "guest:\n  title: Guest\n  type: email\n", _GUEST),
    "AC608": Example("fields.yaml", "  sensitivity: secret\n  min_length: 8\n", "  sensitivity: secret\n"),
    "AC610": Example("fields.yaml", "  entry: actor_id\n  max_length: 9\n", "  entry: actor_id\n"),
    "AC611": Example("fields.yaml", _DAYS + "  column: true\n", _DAYS),
    "AC651": Example(_BOARDS, _LABEL_ADDED, _events(_LABEL_ADDED, _LABEL_REMOVED), _LAST),
    "AC652": Example(_BOARDS, _LOCKED, _events(_LOCKED, _UNLOCKED), _LAST),
    "AC653": Example(_BOARDS, _EVENTS.replace("]", ", board_updated]") + _UPDATED + "{board_id: b-1}\n",
                     _EVENTS + _UPDATED + "{board_id: b-1, visibility: team}\n", _EVENTS),
    "AC654": Example(_BOARDS, _SIGNED_IN,
                     _SIGNED_IN + _FAILURE.format("{actor} tried to sign in to board {board_id} and failed"),
                     _LAST),
    "AC701": Example(_BOARDS, _DELETED + "    since: 2.0.0\n", _DELETED + "    since: 1.1.0\n", _DELETED),
    "AC702": Example(_BOARDS,
                     _DELETED + "    since: 1.1.0\n    deprecated: {since: 1.0.0, note: Use archives.}\n",
                     _DELETED + "    since: 1.0.0\n    deprecated: {since: 1.1.0, note: Use archives.}\n",
                     _DELETED),
    "AC703": Example("fields.yaml", _GUEST + "  deprecated: {since: 1.1.0, use: guests}\n",
                     _GUEST + "  deprecated: {since: 1.1.0, use: board_id}\n", _GUEST),
    "AC704": Example("fields.yaml", _OLD.format("user_id") + _OLD_USER, _OLD.format("guest") + _OLD_USER,
                     "user_id:\n"),
    "AC705": Example(_BOARDS, "      expires: {when: {visibility: team}}\n",
                     "      expires: {required: false}\n"),
    "AC706": Example("fields.yaml", _GUEST + "  deprecated: {since: 1.1.0}\n",
                     _GUEST + "  deprecated: {since: 1.1.0, note: Nobody is told any more.}\n", _GUEST),
    "AC707": Example("catalog.yaml", "version: 1.2.0-next\n", "version: 1.2.0-rc.1\n", "version: 1.2.0\n"),
    "AC801": Example("catalog.yaml", _VERSION + _OWNER + "annotations: {ownr: growth-team}\n",
                     _VERSION + _OWNER + _OWNED, _VERSION),
    "AC802": Example("catalog.yaml", _VERSION + _OWNER.replace("string", 'string, for: [event]') + _OWNED,
                     _VERSION + _OWNER.replace("string", 'string, for: [event, catalog]') + _OWNED,
                     _VERSION),
    "AC803": Example("catalog.yaml", _VERSION + _RETENTION + "annotations: {retention: 400 days}\n",
                     _VERSION + _RETENTION + "annotations: {retention: 400}\n", _VERSION),
    "AC804": Example("catalog.yaml", _VERSION + _REQUIRED, _VERSION + _REQUIRED + _OWNED, _VERSION),
    "AC805": Example("catalog.yaml", _VERSION + _OWNER, _VERSION + _OWNER + _OWNED, _VERSION),
    "AC806": Example("catalog.yaml",
                     _VERSION + "annotation_keys: {owner: {title: Owner, type: enum}}\n" + _OWNED,
                     _VERSION + _OWNER.replace("string", "enum, values: {growth: Growth team}") + _OWNED,
                     _VERSION),
    "AC807": Example("catalog.yaml", _VERSION + _CODES.format("Code") + "annotations: {code: A-1, ref: 7}\n",
                     _VERSION + _CODES.format("Reference") + "annotations: {code: A-1, ref: 7}\n",
                     _VERSION),
    "AC951": Example(_BOARDS, _DELETED + "    suppress: {AC999: {reason: We know}}\n", _DELETED),
    "AC952": Example(_BOARDS, _DELETED + "    suppress: {AC651: {reason: Made elsewhere}}\n", _DELETED),
    "AC953": Example("fields.yaml",
                     '  title: Guest\n  suppress: {AC307: {reason: Soon, until: "2020-01-31"}}\n',
                     "  title: Guest\n"),
}  # fmt: skip
"""By rule code."""
