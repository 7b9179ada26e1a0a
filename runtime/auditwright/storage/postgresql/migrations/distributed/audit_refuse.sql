-- Allows the deletes of retention: in a transaction with a row in audit_retention, below an id, and no held
-- account. On a Citus cluster a trigger runs on a shard, where it reads the node's own copies of audit_retention and
-- audit_hold. The transaction is that of the cluster: each node has an id of its own for its part of it.
CREATE OR REPLACE FUNCTION @schema@.audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_allowed boolean;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME ~ '_[0-9]{5,}$' THEN
        EXECUTE format($sql$
            SELECT EXISTS (
                SELECT FROM %1$I.%2$I AS permit
                WHERE permit.transaction_id = (
                    SELECT transaction_number::text::xid8 FROM get_current_transaction_id()
                ) AND $1 < permit.before AND (permit.account_id IS NULL OR permit.account_id = $2)
            ) AND NOT EXISTS (
                SELECT FROM %1$I.%3$I AS hold
                WHERE hold.account_id = $2 AND (hold.until IS NULL OR hold.until > now())
            )$sql$, @schema_text@,
            'audit_retention_' || get_shard_id_for_distribution_column('@schema@.audit_retention'),
            'audit_hold_' || get_shard_id_for_distribution_column('@schema@.audit_hold'))
        INTO is_allowed USING OLD.id, OLD.account_id;
        IF is_allowed THEN
            RETURN OLD;
        END IF;
    END IF;
    -- What is truncated of a distributed table is what was on the coordinator before; its shards refuse.
    IF TG_OP = 'TRUNCATE' AND EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = TG_RELID) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'auditwright: % is append-only', substring(TG_TABLE_NAME FROM '^audit_[a-z]+')
        USING ERRCODE = 'insufficient_privilege';
END $$
