"""What the action runs: check, generate --check, diff and coverage, each even if another one failed.

The diff becomes annotations, and one comment of the pull request, which later runs update. All values come
from environment variables, which action.yml sets. Needs only the standard library and `auditwright`.
"""

import http.client
import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

LIMIT = 65_536
"""The most characters of a comment; bytes are counted, which are at least as many."""
AUTHOR = "github-actions[bot]"
"""Who comments with a job's own token. Comments of others are never changed, whatever they say."""
READ_ONLY = (
    "no comment: the token of this job may not write; a pull request from a fork never gets one, and "
    "others need the permission `pull-requests: write`"
)
PAGE = 100
"""The most comments that GitHub gives at once."""


def main() -> int:
    """Run the commands; returns 1 if any failed."""
    catalog = ["--catalog", os.environ["CATALOG"]]
    sources = shlex.split(os.environ["SOURCES"])
    base = find_base(os.environ["BASE"])
    fail_on = ["--fail-on", os.environ["FAIL_ON"]]
    baseline = ["--baseline", os.environ["BASELINE"]] if os.environ["BASELINE"] else []
    commands = {
        "check": [*catalog, *baseline, *fail_on, "--format", "github"],
        "generate": [*catalog, "--out", os.environ["OUT"], "--check"],
        "diff": [*catalog, "--against", base, "--format", "github"],
    }
    if sources:
        commands["coverage"] = [*catalog, *sources, *fail_on, "--format", "github"]
    done = {name: run_command(name, arguments) for name, arguments in commands.items()}
    if os.environ["COMMENT"] == "true" and os.environ["PULL_REQUEST"] and done["diff"].returncode != 2:
        comment_on_changes([*catalog, "--against", base], last_line(done["diff"]))
    failed = [name for name, each in done.items() if each.returncode]
    if failed:
        say("error", f"failed: {', '.join(f'auditwright {name}' for name in failed)}")
    return 1 if failed else 0


def run_command(name: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command, and print its output as a group of the log."""
    print(f"::group::auditwright {shlex.join([name, *arguments])}", flush=True)
    done = run("auditwright", name, *arguments)
    print(f"{done.stdout}::endgroup::", flush=True)
    if name == "generate" and done.stdout and done.returncode:  # the only command without annotations
        say("error", last_line(done))
    return done


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of the output, where a command says how it went."""
    return done.stdout.rstrip("\n").rpartition("\n")[2]


def run(*command: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program, and capture its stdout."""
    stderr = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8")  # noqa: S603 - git and auditwright, without a shell


def say(level: str, message: str) -> None:
    """Print a workflow command: `error`, `warning` or `notice`."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title=auditwright::{escaped}", flush=True)


# --- the base of the comparison ------------------------------------------------------------------------


def find_base(base: str) -> str:
    """The commit where the changes begin: what HEAD and the base have in common, if the history is here.

    The base itself may have moved on, and its new changes would look as if they were undone.
    """
    remote = f"refs/remotes/origin/{base}"
    tip = commit_of(remote) or commit_of(base)
    for there in (f"refs/heads/{base}", base):  # a branch, else a tag or the id of a commit
        if not tip:
            run("git", "fetch", "--quiet", "--no-tags", "--depth=1", "origin", f"+{there}:{remote}")
            tip = commit_of(remote)
    # Without a commit `diff` fails, and says so: `base` alone may be the path of a folder.
    return run("git", "merge-base", "HEAD", tip, quiet=True).stdout.strip() or tip or remote


def commit_of(name: str) -> str:
    """The id of a commit; empty if there is none of the name."""
    found = run("git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return found.stdout.strip()


# --- the comment ---------------------------------------------------------------------------------------


def comment_on_changes(arguments: list[str], summary: str) -> None:
    """Create or update the comment; a pull request that never changed the catalog gets none."""
    marker = f"<!-- auditwright diff of {os.environ['CATALOG']} -->"
    notes = run("auditwright", "diff", *arguments, "--format", "markdown").stdout
    comments = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues/{os.environ['PULL_REQUEST']}/comments"
    body = truncate(f"{marker}\n{summary}\n\n{notes}")
    try:
        own = find_comment(comments, marker)
        if own is None and not summary.startswith("no changes"):
            request("POST", comments, {"body": body})
        elif own is not None and own["body"].strip() != body.strip():
            one = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues/comments/{own['id']}"
            request("PATCH", one, {"body": body})
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code in (403, 404):
            say("notice", READ_ONLY)
        else:
            say("warning", f"the comment was not written: {error}")


def find_comment(comments: str, marker: str) -> Any:
    """The comment of an earlier run; None if there is none."""
    number = 1
    while found := request("GET", f"{comments}?per_page={PAGE}&page={number}"):
        for each in found:
            author = each["user"] or {}  # none for an account that was deleted
            if author.get("login") == AUTHOR and each["body"].startswith(marker):
                return each
        number += 1
    return None


def request(method: str, path: str, content: object = None) -> Any:
    """Call GitHub's API; returns the answer."""
    url = f"{os.environ.get('GITHUB_API_URL', 'https://api.github.com')}/{path}"
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Accept": "application/vnd.github+json"}
    data = None if content is None else json.dumps(content).encode()
    call = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - GitHub's own address
    with urllib.request.urlopen(call, timeout=30) as answer:  # noqa: S310 - as above
        return json.load(answer)


def truncate(body: str) -> str:
    """The text without its last lines, if it is too long for a comment, and a note about that."""
    if len(body.encode()) <= LIMIT:
        return body
    note = "\n… and more changes, which have no room in a comment; `auditwright diff` lists them all.\n"
    kept = body.encode()[: LIMIT - len(note.encode())].decode("utf-8", "ignore")
    return kept[: kept.rfind("\n") + 1] + note


if __name__ == "__main__":
    sys.exit(main())
