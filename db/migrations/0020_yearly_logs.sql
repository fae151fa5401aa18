-- A node's new log continues the one before: its first leaf commits to the last checkpoint of that.
ALTER TABLE audit_log ADD COLUMN follows smallint UNIQUE REFERENCES audit_log;

-- In the transaction of a log's first leaf: the log before ends for ever at the size that the leaf
-- names, and what it has counted of a minute is told by the new one.
CREATE FUNCTION log_continue(p_log smallint, p_size bigint, p_now_s bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	before smallint;
BEGIN
	UPDATE audit_log AS b SET gone_at_s = p_now_s, owner = b.owner + 1 FROM audit_log AS l
		WHERE l.id = p_log AND l.size = 0 AND b.id = l.follows AND b.size = p_size AND b.gone_at_s IS NULL
		RETURNING b.id INTO before;
	IF before IS NULL THEN
		RAISE EXCEPTION 'the log before is not as it was' USING ERRCODE = 'MK010';
	END IF;
	INSERT INTO signed_head (log, seq) VALUES (before, 0) ON CONFLICT DO NOTHING;
	UPDATE refusal_window SET log = p_log WHERE log = before;
END
$$;
REVOKE ALL ON FUNCTION log_continue(smallint, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_continue(smallint, bigint, bigint) TO moniker_service;
