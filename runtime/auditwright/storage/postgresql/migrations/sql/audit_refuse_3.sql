-- Allows the deletes of retention: in a transaction with a row in audit_retention, below an id, and no held
-- account. Its triggers are on audit_entry and audit_target.
CREATE OR REPLACE FUNCTION @schema@.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT FROM @schema@.audit_retention AS permit
            WHERE permit.transaction_id = pg_current_xact_id() AND OLD.id < permit.before
                AND (permit.account_id IS NULL OR permit.account_id = OLD.account_id)
        ) AND NOT EXISTS (
            SELECT FROM @schema@.audit_hold AS hold
            WHERE hold.account_id = OLD.account_id AND (hold.until IS NULL OR hold.until > now())
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'auditwright: % is append-only', substring(TG_TABLE_NAME FROM '^audit_[a-z]+')
        USING ERRCODE = 'insufficient_privilege';
END $$
