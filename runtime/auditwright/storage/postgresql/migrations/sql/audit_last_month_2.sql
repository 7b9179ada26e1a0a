-- The month at which the last partition ends; null without partitions. A function in SQL is parsed when it is
-- called, under the settings of the caller: it has no backslashes, which standard_conforming_strings governs.
CREATE OR REPLACE FUNCTION @schema@.audit_last_month() RETURNS timestamp
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_timestamp(max(('x0000' || replace(bound, '-', ''))::bit(64)::bigint) / 1000.0) AT TIME ZONE 'UTC'
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
        substring(pg_get_expr(relpartbound, inhrelid) FROM 'TO [(]''([0-9a-f-]{13})') AS bound
    WHERE inhparent = '@schema@.audit_entry'::regclass
$$
