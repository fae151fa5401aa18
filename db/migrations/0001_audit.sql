-- The audit log: one log per node, one writer per log, leaves in gapless order.
-- Instants are Unix seconds, UTC, in columns that end in _at_s.

CREATE TABLE audit_log (
	id          smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	origin      text     NOT NULL UNIQUE CHECK (origin ~ '^[A-Za-z0-9._/-]{1,128}$'),
	owner       bigint   NOT NULL DEFAULT 0, -- counts take-overs: who holds the newest may write
	size        bigint   NOT NULL DEFAULT 0 CHECK (size >= 0),
	last_st_at_s bigint  NOT NULL DEFAULT 0, -- `st` of the newest leaf: it never decreases
	public_key  bytea    NOT NULL CHECK (octet_length(public_key) = 32), -- Ed25519, of its checkpoints
	opened_at_s bigint   NOT NULL
);

-- body: exactly the bytes that are hashed and served.
CREATE TABLE audit_leaf (
	log  smallint NOT NULL,
	seq  bigint   NOT NULL CHECK (seq >= 0),
	body bytea    NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 2048),
	PRIMARY KEY (log, seq)
) PARTITION BY RANGE (log, seq);
ALTER TABLE audit_leaf ALTER COLUMN body SET STORAGE MAIN;

-- What a leaf commits to and may have to be erased one day: deleting a row leaves every proof valid.
CREATE TABLE audit_blob (
	log   smallint NOT NULL,
	seq   bigint   NOT NULL,
	nonce bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	body  bytea    NOT NULL,
	PRIMARY KEY (log, seq)
) PARTITION BY RANGE (log, seq);

-- Leaves that command-line tools ask the ledger to write: a leaf's bytes after `"st":"...",`.
CREATE TABLE audit_outbox (
	id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tail bytea NOT NULL CHECK (octet_length(tail) BETWEEN 2 AND 2000)
);

-- Refusals beyond the first ten of a minute, per (actor, event, reason): counted, then one leaf.
CREATE TABLE refusal_window (
	log           smallint NOT NULL REFERENCES audit_log,
	window_at_s   bigint   NOT NULL,
	event         text     NOT NULL,
	code          text     NOT NULL,
	actor         text     NOT NULL,
	refused_count bigint   NOT NULL CHECK (refused_count > 0),
	PRIMARY KEY (log, window_at_s, event, code, actor)
);

-- One order for all changes of status, on all nodes: whoever changes a status locks this row
-- before the fence. `seq` is the last one given out.
CREATE TABLE status_head (
	id  boolean PRIMARY KEY DEFAULT true CHECK (id), -- one row
	seq bigint  NOT NULL DEFAULT 0
);
INSERT INTO status_head DEFAULT VALUES;

CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NOTIFY audit_outbox;
	RETURN NULL;
END
$$;
CREATE TRIGGER outbox_notify AFTER INSERT ON audit_outbox
	FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();

-- Against accidents only: a superuser passes by. The keeper's journal and the published
-- checkpoints are what catches him.
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'MK003';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_leaf
	FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_leaf
	FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();

-- Makes the partition that holds (log, seq), if it is missing. 1,048,576 leaves each.
CREATE FUNCTION audit_partition_ensure(p_log smallint, p_seq bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	n bigint := p_seq / 1048576;
	t text;
BEGIN
	IF p_seq < 0 OR NOT EXISTS (SELECT FROM audit_log WHERE id = p_log) THEN
		RAISE EXCEPTION 'no such part of a log' USING ERRCODE = 'MK004';
	END IF;
	FOREACH t IN ARRAY ARRAY['audit_leaf', 'audit_blob'] LOOP
		IF to_regclass(format('%s_%s_%s', t, p_log, n)) IS NULL THEN
			EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s, %s) TO (%s, %s)',
			    format('%s_%s_%s', t, p_log, n), t, p_log, n * 1048576, p_log, (n + 1) * 1048576);
		END IF;
	END LOOP;
END
$$;

-- A new or restarted writer takes the log over: from here on the one before cannot commit.
CREATE FUNCTION ledger_take_over(p_origin text, OUT log smallint, OUT owner bigint, OUT size bigint,
	OUT last_st_at_s bigint) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE audit_log AS l SET owner = l.owner + 1 WHERE l.origin = p_origin
		RETURNING l.id, l.owner, l.size, l.last_st_at_s INTO log, owner, size, last_st_at_s;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such log' USING ERRCODE = 'MK002';
	END IF;
END
$$;

-- The fence: raises unless the caller is the log's owner and knows its size, so that a
-- pipelined COMMIT of a forgotten connection cannot succeed. Counts `n` new leaves.
CREATE FUNCTION ledger_fence(p_log smallint, p_owner bigint, p_size bigint, p_n bigint, p_last_st_at_s bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE audit_log SET size = size + p_n, last_st_at_s = p_last_st_at_s
		WHERE id = p_log AND owner = p_owner AND size = p_size;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'fenced: another writer owns the log' USING ERRCODE = 'MK001';
	END IF;
END
$$;

REVOKE ALL ON FUNCTION audit_partition_ensure(smallint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_partition_ensure(smallint, bigint) TO moniker_service;
GRANT USAGE ON SCHEMA public TO moniker_service;
GRANT SELECT, UPDATE (owner, size, last_st_at_s) ON audit_log TO moniker_service;
GRANT SELECT, INSERT ON audit_leaf, audit_blob TO moniker_service;
GRANT SELECT, DELETE ON audit_outbox TO moniker_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON refusal_window TO moniker_service;
GRANT SELECT, UPDATE ON status_head TO moniker_service;
