-- The least id of a time: an id begins with 48 bits of milliseconds since 1970 (RFC 9562, section 5.7).
CREATE FUNCTION @schema@.audit_first_id(moment timestamp) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$
