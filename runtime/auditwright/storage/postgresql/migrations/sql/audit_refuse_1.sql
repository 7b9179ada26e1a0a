CREATE FUNCTION @schema@.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'auditwright: audit_entry is append-only' USING ERRCODE = 'insufficient_privilege';
END $$
