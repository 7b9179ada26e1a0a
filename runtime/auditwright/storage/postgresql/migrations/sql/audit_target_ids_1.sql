-- The ids of objects in a value of the metadata: a text, a whole number, or a list of these. Other values, and ids
-- that are too long, identify nothing.
CREATE FUNCTION @schema@.audit_target_ids(value jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE AS $$
    SELECT item #>> '{}'
    FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END)
        AS item
    WHERE (jsonb_typeof(item) = 'string' OR jsonb_typeof(item) = 'number' AND item::text ~ '^-?[0-9]+$')
        AND char_length(item #>> '{}') BETWEEN 1 AND 256
$$
