-- Erasures: the keys of sealed identities' wraps, deleted for good. On record first, deleted then,
-- and again until it is done: the keys may lie in another database.

CREATE TABLE erasure (
	id          text     PRIMARY KEY CHECK (id ~ '^[a-z2-7]{16}$'),
	person      bigint   NOT NULL REFERENCES person, -- who asked
	asked       bytea    NOT NULL CHECK (octet_length(asked) = 32), -- SHA-256 of what was asked for: a retry finds it
	body        bytea    NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 1024), -- the request's text
	nonce       bytea    NOT NULL CHECK (octet_length(nonce) = 32), -- of its leaf's `e`
	log         smallint NOT NULL REFERENCES audit_log,
	seq         bigint   NOT NULL,
	state       text     NOT NULL DEFAULT 'recorded' CHECK (state IN ('recorded', 'erased')),
	flushed     boolean  NOT NULL DEFAULT false, -- nor is a key in the cluster's write-ahead log
	at_s        bigint   NOT NULL,
	erased_at_s bigint,
	UNIQUE (person, asked),
	CHECK ((state = 'erased') = (erased_at_s IS NOT NULL))
);
CREATE INDEX erasure_open ON erasure (at_s) WHERE state = 'recorded';

-- What it is about, for ever: a key that comes back with a restored backup is deleted again.
CREATE TABLE erasure_record (
	shred_id bytea PRIMARY KEY CHECK (octet_length(shred_id) = 16),
	erasure  text  NOT NULL REFERENCES erasure
);
CREATE INDEX erasure_record_erasure ON erasure_record (erasure);

GRANT SELECT, INSERT, UPDATE (state, flushed, erased_at_s) ON erasure TO moniker_service;
GRANT SELECT, INSERT ON erasure_record TO moniker_service;

-- As db/shred_migrations/0001_shred.sql, for keys that stay in this database.
ALTER TABLE shred_key ALTER COLUMN key SET STATISTICS 0;
CREATE OR REPLACE FUNCTION shred_rewrite() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
	ALTER TABLE shred_key ALTER COLUMN key TYPE bytea USING key || ''::bytea
$$;
CREATE OR REPLACE FUNCTION shred_flush() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pg_switch_wal();
	EXECUTE 'CHECKPOINT';
	RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN false;
END
$$;
REVOKE ALL ON FUNCTION shred_rewrite(), shred_flush() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shred_rewrite(), shred_flush() TO moniker_service;
