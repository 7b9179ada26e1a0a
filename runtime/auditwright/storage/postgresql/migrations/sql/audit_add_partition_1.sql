-- Makes an empty partition of the ids from `low`, or from the least of all, up to `high`. ATTACH, other
-- than CREATE TABLE ... PARTITION OF, waits for no reader and lets others write. TRUNCATE triggers do not
-- pass from a table to its partitions, so each gets its own; and each is closed to whoever asks it directly.
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
