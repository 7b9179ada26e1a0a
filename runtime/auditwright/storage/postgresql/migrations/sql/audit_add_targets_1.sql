-- Adds the objects that the entries identify, which were just stored, to audit_target. It runs with the rights of
-- the table's owner: whoever records needs none. Most events may identify nothing, and then only the condition is
-- executed. An object that an entry identifies twice is added once.
CREATE FUNCTION @schema@.audit_add_targets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recorded
        WHERE (SELECT true FROM @schema@.audit_target_field AS known WHERE known.event = recorded.event LIMIT 1)
    ) THEN
        INSERT INTO @schema@.audit_target (account_id, target, event, id, actor_id)
        SELECT recorded.account_id, known.type || ':' || object_id, recorded.event, recorded.id, recorded.actor_id
        FROM recorded JOIN @schema@.audit_target_field AS known ON known.event = recorded.event,
            @schema@.audit_target_ids(recorded.metadata -> known.field) AS object_id
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$
