-- Makes the missing partitions up to so many months ahead, and returns the upper bound of the last one. It runs
-- with its owner's rights, so that a role that can only insert may call it. It takes no lock if none is missing,
-- else one that conflicts only with itself.
CREATE FUNCTION @schema@.audit_make_partitions(ahead integer) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text := @schema_text@;
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    wanted timestamp;
    name text;
BEGIN
    IF ahead IS NULL OR ahead NOT BETWEEN 0 AND 12 THEN
        RAISE EXCEPTION 'auditwright: partitions are made for 0 to 12 months ahead, not %', ahead;
    END IF;
    wanted := this_month + make_interval(months => ahead + 1);
    month := @schema@.audit_last_month();
    IF month >= wanted THEN
        RETURN @schema@.audit_first_id(month);
    END IF;
    LOCK TABLE ONLY @schema@.audit_entry IN SHARE UPDATE EXCLUSIVE MODE;
    month := @schema@.audit_last_month();
    IF month IS NULL THEN
        PERFORM @schema@.audit_add_partition('audit_entry_first', NULL, @schema@.audit_first_id(this_month));
        month := this_month;
    END IF;
    WHILE month < wanted LOOP
        name := 'audit_entry_' || to_char(month, 'YYYY_MM');
        -- In a transaction whose snapshot is older than the lock, the query above sees too little.
        IF pg_partition_root(to_regclass(format('%I.%I', own, name)))
            IS DISTINCT FROM '@schema@.audit_entry'::regclass THEN
            PERFORM @schema@.audit_add_partition(name, @schema@.audit_first_id(month),
                                                 @schema@.audit_first_id(month + interval '1 month'));
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN @schema@.audit_first_id(month);
END $$
