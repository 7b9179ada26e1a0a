-- On a Citus cluster the trigger runs on a shard of audit_entry. The users of all its entries are in one shard of
-- audit_user on the same node, which is named directly: a trigger can run no distributed statement. What it adds is
-- what it adds on one server.
CREATE OR REPLACE FUNCTION @schema@.audit_add_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account text;
    users text;
    has_new boolean;
BEGIN
    SELECT account_id INTO account FROM recorded WHERE actor_id IS NOT NULL LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    users := format('%I.%I', @schema_text@,
                    'audit_user_' || get_shard_id_for_distribution_column('@schema@.audit_user', account));
    EXECUTE format($sql$
        SELECT EXISTS (
            SELECT FROM recorded
            WHERE actor_id IS NOT NULL AND (
                SELECT true FROM %1$s AS known
                WHERE known.account_id = recorded.account_id AND known.actor_id = recorded.actor_id
                    AND known.actor_type = recorded.actor_type
                    AND known.actor_name = coalesce(recorded.actor_name, '')
                LIMIT 1
            ) IS NULL
        )$sql$, users) INTO has_new;
    IF has_new THEN
        EXECUTE format($sql$
            INSERT INTO %1$s (account_id, actor_id, actor_type, actor_name, first_id)
            SELECT account_id, actor_id, actor_type, name, id
            FROM (
                SELECT *, row_number() OVER (PARTITION BY account_id, actor_id ORDER BY line) AS place
                FROM (
                    SELECT DISTINCT ON (account_id, actor_id, actor_type, name) *
                    FROM (
                        SELECT account_id, actor_id, actor_type, coalesce(actor_name, '') AS name, id,
                            row_number() OVER () AS line
                        FROM recorded WHERE actor_id IS NOT NULL
                    ) AS named
                    ORDER BY account_id, actor_id, actor_type, name, line
                ) AS once
                WHERE (
                    SELECT true FROM %1$s AS known
                    WHERE known.account_id = once.account_id AND known.actor_id = once.actor_id
                        AND known.actor_type = once.actor_type AND known.actor_name = once.name
                    LIMIT 1
                ) IS NULL
            ) AS added
            WHERE place <= 100 AND place <= 100 - (
                SELECT count(*) FROM (
                    SELECT DISTINCT actor_type, actor_name FROM %1$s AS known
                    WHERE known.account_id = added.account_id AND known.actor_id = added.actor_id
                ) AS names
            )$sql$, users);
    END IF;
    RETURN NULL;
END $$
