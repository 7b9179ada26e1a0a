-- Adds the objects that stored entries identify, by fields that did not identify objects when these were stored:
-- those of the newest partition that is left. Returns its name; null if none is left. Each call is a transaction,
-- and locks out neither readers nor writers. `indexed_from` has how far it came, so that a killed run can go on.
CREATE FUNCTION @schema@.audit_index_targets() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := @schema_text@;
    nothing uuid := '00000000-0000-0000-0000-000000000000';
    edge uuid;
    name text;
    low uuid;
BEGIN
    SELECT indexed_from INTO edge FROM @schema@.audit_target_field
    WHERE indexed_from > nothing ORDER BY indexed_from DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT relname, least_id INTO name, low
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid, coalesce(
        substring(pg_get_expr(relpartbound, inhrelid) FROM 'FROM [(]''([0-9a-f-]{36})')::uuid, nothing) AS least_id
    WHERE inhparent = '@schema@.audit_entry'::regclass AND least_id < edge
    ORDER BY least_id DESC LIMIT 1;
    IF name IS NOT NULL THEN
        EXECUTE format('INSERT INTO %1$I.audit_target (account_id, target, event, id, actor_id) '
            'SELECT entry.account_id, known.type || '':'' || object_id, entry.event, entry.id, entry.actor_id '
            'FROM %1$I.%2$I AS entry JOIN %1$I.audit_target_field AS known ON known.event = entry.event, '
            '%1$I.audit_target_ids(entry.metadata -> known.field) AS object_id '
            'WHERE known.indexed_from = %3$L ON CONFLICT DO NOTHING', own, name, edge);
    END IF;
    UPDATE @schema@.audit_target_field SET indexed_from = coalesce(low, nothing) WHERE indexed_from = edge;
    RETURN coalesce(name, '');
END $$
