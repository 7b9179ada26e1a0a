-- Makes an empty partition of audit_entry for the ids from `low`, or from the least id if null, up to `high`, and
-- one of audit_target, if none has these ids. Unlike CREATE TABLE ... PARTITION OF, ATTACH waits for no reader and
-- lets others write. Partitions do not inherit TRUNCATE triggers, so each gets its own. Row-level security without
-- a policy refuses direct access to a partition.
CREATE OR REPLACE FUNCTION @schema@.audit_add_partition(name text, low uuid, high uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := @schema_text@;
    parent text;
    part text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['audit_entry', 'audit_target'] LOOP
        part := parent || substr(name, length('audit_entry') + 1);
        CONTINUE WHEN parent = 'audit_target' AND to_regclass(format('%I.%I', own, part)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING ALL)', own, part, parent);
        EXECUTE format('CREATE TRIGGER %3$s_no_truncate BEFORE TRUNCATE ON %1$I.%2$I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %1$I.audit_refuse()', own, part, parent);
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', own, part);
        EXECUTE format('ALTER TABLE %1$I.%5$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$s) TO (%4$L)',
                       own, part, coalesce(quote_literal(low::text), 'MINVALUE'), high, parent);
    END LOOP;
END $$
