"""the users of earlier entries"""

from alembic import op

revision = "007"
down_revision = "006"


def upgrade() -> None:
    """Add the users of all entries that were stored before the trigger existed.

    Each user gets up to 100 names, those used last, with the last entry under each: the name shown is that of
    the newest entry. It reads every entry once, about two seconds for a million, and blocks neither readers
    nor writers.
    """
    op.execute("""
INSERT INTO audit_user (account_id, actor_id, actor_type, actor_name, first_id)
SELECT account_id, actor_id, actor_type, name, last_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id, actor_id ORDER BY last_id DESC) AS place
    FROM (
        SELECT account_id, actor_id, actor_type, coalesce(actor_name, '') AS name,
            CAST(max(CAST(id AS text) COLLATE "C") AS uuid) AS last_id
        FROM audit_entry WHERE actor_id IS NOT NULL
        GROUP BY account_id, actor_id, actor_type, coalesce(actor_name, '')
    ) AS found
    WHERE NOT EXISTS (
        SELECT FROM audit_user AS known
        WHERE known.account_id = found.account_id AND known.actor_id = found.actor_id
            AND known.actor_type = found.actor_type AND known.actor_name = found.name
    )
) AS numbered
WHERE place <= 100 AND place <= 100 - (
    SELECT count(DISTINCT (actor_type, actor_name)) FROM audit_user AS known
    WHERE known.account_id = numbered.account_id AND known.actor_id = numbered.actor_id
)""")
