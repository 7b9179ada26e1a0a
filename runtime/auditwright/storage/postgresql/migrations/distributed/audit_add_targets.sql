-- On a Citus cluster the trigger runs on a shard of audit_entry. The targets of all its entries are in one shard of
-- audit_target on the same node, as is a copy of audit_target_field: both are named directly, because a trigger can
-- run no distributed statement. What it adds is what it adds on one server.
CREATE OR REPLACE FUNCTION @schema@.audit_add_targets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := @schema_text@;
    account text;
    fields text;
    has_any boolean;
BEGIN
    SELECT account_id INTO account FROM recorded LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    fields := format('%I.%I', own,
                     'audit_target_field_' || get_shard_id_for_distribution_column('@schema@.audit_target_field'));
    EXECUTE format($sql$
        SELECT EXISTS (
            SELECT FROM recorded
            WHERE (SELECT true FROM %1$s AS known WHERE known.event = recorded.event LIMIT 1)
        )$sql$, fields) INTO has_any;
    IF has_any THEN
        EXECUTE format($sql$
            INSERT INTO %2$I.%3$I (account_id, target, event, id, actor_id)
            SELECT recorded.account_id, known.type || ':' || object_id, recorded.event, recorded.id,
                recorded.actor_id
            FROM recorded JOIN %1$s AS known ON known.event = recorded.event,
                %2$I.audit_target_ids(recorded.metadata -> known.field) AS object_id
            ON CONFLICT DO NOTHING$sql$, fields, own,
            'audit_target_' || get_shard_id_for_distribution_column('@schema@.audit_target', account));
    END IF;
    RETURN NULL;
END $$
