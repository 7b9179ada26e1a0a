-- Adds the new users of the entries that were just stored to audit_user. It runs with the rights of the table's
-- owner: whoever records needs none. It waits for nobody: if two transactions record a new user at once, each
-- adds a row. Most entries are of known users, and then only the condition is executed; LIMIT makes it probe the
-- index, whatever the planner estimates for a table that was small. Only the first 100 names of a user are kept,
-- in the order in which they were stored.
CREATE FUNCTION @schema@.audit_add_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recorded
        WHERE actor_id IS NOT NULL AND (
            SELECT true FROM @schema@.audit_user AS known
            WHERE known.account_id = recorded.account_id AND known.actor_id = recorded.actor_id
                AND known.actor_type = recorded.actor_type
                AND known.actor_name = coalesce(recorded.actor_name, '')
            LIMIT 1
        ) IS NULL
    ) THEN
        INSERT INTO @schema@.audit_user (account_id, actor_id, actor_type, actor_name, first_id)
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
                SELECT true FROM @schema@.audit_user AS known
                WHERE known.account_id = once.account_id AND known.actor_id = once.actor_id
                    AND known.actor_type = once.actor_type AND known.actor_name = once.name
                LIMIT 1
            ) IS NULL
        ) AS added
        WHERE place <= 100 AND place <= 100 - (
            SELECT count(*) FROM (
                SELECT DISTINCT actor_type, actor_name FROM @schema@.audit_user AS known
                WHERE known.account_id = added.account_id AND known.actor_id = added.actor_id
            ) AS names
        );
    END IF;
    RETURN NULL;
END $$
