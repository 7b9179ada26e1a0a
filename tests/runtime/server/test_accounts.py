"""Accounts are isolated: no request reveals anything of an account without access."""

from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.web import Client

from auditwright import Actor, AuditLog

LOGIN, SCANNER = "account.login_logout.login", "tool.guardrails.input_scanner_added"
HIDDEN = "quicksilver"
"""A word in every entry of the other account, and nowhere else."""
PART = HIDDEN[:5]
USERS = ("u-17", "u-18", "app-ci")

entries = st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from([LOGIN, SCANNER])), max_size=5)
conditions = st.lists(
    st.sampled_from(
        [f"user:is:{user}" for user in USERS]
        + [f"user:is_not:{user}" for user in USERS]
        + [
            f"event:is:{LOGIN}",
            f"event:is_not:{LOGIN}",
            "category:is:tool.guardrails",
            "category:is_not:tool.guardrails",
        ]
    ),
    max_size=3,
)


def record(log: AuditLog, account: str, word: str, wanted: list[tuple[str, str]]) -> list[str]:
    made = []
    for user, event in wanted:
        with log.acting(Actor.user(user, f"{user} {word}"), account_id=account, ip_address="203.0.113.7"):
            values = {"tool_id": f"t-{word}"} if event == SCANNER else {"email_id": f"{word}@example.com"}
            made.append(str(log.record_event(event, values, {"details": word}).id))
    return made


@settings(max_examples=examples(30))
@given(
    own=entries,
    others=entries.filter(len),
    where=conditions,
    match=st.sampled_from(["all", "any"]),
    period=st.sampled_from(["all", "24h", "30d"]),
    search=st.sampled_from(["", PART, "scanner", "u-17"]),
)
def test_no_response_contains_another_account(
    log: AuditLog,
    client: Client,
    own: list[tuple[str, str]],
    others: list[tuple[str, str]],
    where: list[str],
    match: str,
    period: str,
    search: str,
) -> None:
    record(log, "acme", "visible", own)
    hidden = record(log, "globex", HIDDEN, others)
    before = log.account("globex").count()
    cursor = log.account("globex").entries(limit=1).next
    pairs = [("match", match), *(("where", each) for each in where), ("period", period)]
    query = urlencode([*pairs, *([("search", search)] if search else [])])
    answers = [
        client.get(f"/?{query}"),
        client.get(f"/api/entries?{query}&limit=1000"),
        client.get(f"/api/export?{query}"),
        client.get(f"/api/export?{query}&format=jsonl"),
        client.export({"view": query, "what": "filtered"}),
        client.export({"view": "", "what": "all"}),
        client.get("/api/users"),
        client.get(f"/api/users?text={PART}"),
    ]
    if cursor:
        answers += [client.get(f"/?after={cursor}"), client.get(f"/api/entries?after={cursor}")]
    unknown = [
        *(client.get(f"{path}/{entry}") for entry in hidden[:2] for path in ("/entries", "/api/entries")),
        client.get("/?account=globex"),
        client.get("/api/entries?account=globex"),
        client.get("/api/users?account=globex"),
        client.get(f"/api/entries/{hidden[0]}?account=globex"),
        client.get("/api/export?account=globex"),
        client.export({"view": "account=globex", "what": "all"}),
        client.get("/filter?account=globex"),
    ]
    entry = {"event": SCANNER, "metadata": {"tool_id": "t-1"}, "account_id": "globex"}
    single = client.post("/api/entries", json=entry, user="service")
    several = client.post("/api/entries", json=[entry, {**entry, "account_id": "acme"}], user="service")
    assert [each["status"] for each in several.json()["results"]] == [404, 201]
    assert [answer.status_code for answer in (*unknown, single)] == [404] * (len(unknown) + 1)
    for answer in (*answers, *unknown, single, several):
        assert answer.status_code < 500
        assert HIDDEN not in answer.text
        assert [each for each in hidden if each in answer.text and each not in str(answer.url)] == []
    # A name of the other account is unknown here, so the typed text is kept.
    named = {"match": "all", "field.0": "user", "operator.0": "is", "user.0": f"u-17 {HIDDEN}"}
    moved = client.get(f"/filter?{urlencode(named)}").headers["location"]
    assert moved == f"/?where=user:is:u-17+{HIDDEN}"
    assert log.account("globex").count() == before


def test_url_selects_one_of_several_accounts(log: AuditLog, client: Client) -> None:
    record(log, "acme", "visible", [("u-17", LOGIN)])
    record(log, "globex", HIDDEN, [("u-17", LOGIN)])
    assert HIDDEN not in client.get("/", user="owner").text
    assert HIDDEN in client.get("/?account=globex", user="owner").text
    moved = client.get("/filter?account=globex&view=where%3Duser%3Ais%3Au-17", user="owner")
    assert (moved.status_code, moved.headers["location"]) == (303, "/?account=globex")
