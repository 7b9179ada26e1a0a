-- Makes an empty partition for the ids from `low`, or from the least id if null, up to `high`. Unlike CREATE
-- TABLE ... PARTITION OF, ATTACH waits for no reader and lets others write. Partitions do not inherit TRUNCATE
-- triggers, so each gets its own. Row-level security without a policy refuses direct access to a partition.
CREATE FUNCTION @schema@.audit_add_partition(name text, low uuid, high uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := @schema_text@;
BEGIN
    EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.audit_entry INCLUDING ALL)', own, name);
    EXECUTE format('CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON %1$I.%2$I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION %1$I.audit_refuse()', own, name);
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', own, name);
    EXECUTE format('ALTER TABLE %1$I.audit_entry ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$s) TO (%4$L)',
                   own, name, coalesce(quote_literal(low::text), 'MINVALUE'), high);
END $$
