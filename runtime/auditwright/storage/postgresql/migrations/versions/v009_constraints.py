"""constraints that refuse damaged entries"""

from alembic import op

revision = "009"
down_revision = "008"

CONSTRAINTS = {
    # The time of the id's 48 bits of milliseconds is that of the entry, but for the rounding of an interval.
    "id": """
    get_byte(uuid_send(id), 6) >> 4 = 7 AND get_byte(uuid_send(id), 8) >> 6 = 2
    AND CASE WHEN occurred_at >= to_timestamp(0) AND occurred_at < to_timestamp(253402300800)
    THEN to_timestamp(0) + ('x' || left(encode(uuid_send(id), 'hex'), 12))::bit(48)::bigint
        * make_interval(secs => 0.001)
        BETWEEN occurred_at - make_interval(secs => 0.002) AND occurred_at + make_interval(secs => 0.001)
    END""",
    # The years 1970 to 9999. Neither infinity is among them.
    "occurred_at": "occurred_at >= to_timestamp(0) AND occurred_at < to_timestamp(253402300800)",
    "recorded_at": "recorded_at >= to_timestamp(0) AND recorded_at < to_timestamp(253402300800)",
    "actor": """
    CASE actor_type WHEN 'user' THEN actor_id IS NOT NULL WHEN 'app' THEN actor_id IS NOT NULL
    WHEN 'system' THEN true ELSE actor_type = 'anonymous' END
    AND char_length(actor_id) BETWEEN 1 AND 256""",
    "texts": """
    char_length(account_id) BETWEEN 1 AND 256 AND char_length(event) BETWEEN 1 AND 256
    AND octet_length(level) <= 256 AND octet_length(category) <= 256 AND octet_length(actor_name) <= 4096
    AND octet_length(description) <= 4096 AND octet_length(catalog_version) <= 4096""",
    "digest": "octet_length(digest) = 32",
    "alterations": "json_typeof(alterations) = 'object' AND octet_length(alterations::text) <= 1048576",
    # jsonb takes up to eight times the space of its text.
    "metadata": "jsonb_typeof(metadata) = 'object' AND pg_column_size(metadata) <= 8388608",
}


def upgrade() -> None:
    """Add the constraints for new entries, also of new partitions; stored entries are read later.

    ALTER TABLE waits for open transactions that have recorded or read, and these wait for it, for a moment.
    """
    added = ", ".join(
        f"ADD CONSTRAINT audit_entry_{part} CHECK ({sql}) NOT VALID" for part, sql in CONSTRAINTS.items()
    )
    op.execute(f"ALTER TABLE audit_entry {added}")
