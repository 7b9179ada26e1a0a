-- Writes hashes of a view's statement and of its deparsed definition into its comment. They reveal a later change
-- of either: PostgreSQL does not keep the statement of a view. The setting governs the deparsed definition.
CREATE OR REPLACE FUNCTION @schema@.audit_mark_view(view text, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $$
DECLARE
    own regclass := to_regclass(format('%I.%I', @schema_text@, view));
BEGIN
    EXECUTE format('COMMENT ON VIEW %s IS %L', own, concat_ws(' ', 'auditwright', statement,
        current_setting('server_version_num')::integer / 10000, md5(pg_get_viewdef(own))));
END $$
