-- The shred keys in a database of their own ([escrow] shred_url), best in a cluster of its own: what
-- is copied with a cluster is erased when the copies are (docs/privacy.md). 0028_erasure.sql makes
-- the same where they stay in the main database.

CREATE TABLE IF NOT EXISTS shred_key (
	id        bytea  PRIMARY KEY CHECK (octet_length(id) = 16),
	key       bytea  NOT NULL CHECK (octet_length(key) = 32),
	made_at_s bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS shred_key_made ON shred_key (made_at_s);
ALTER TABLE shred_key ALTER COLUMN key SET STATISTICS 0; -- ANALYZE would copy keys into pg_statistic

-- A deleted row's octets stay in its page, also after VACUUM. This writes the table anew with the
-- rows that are there; the old file goes with the next checkpoint. VACUUM FULL would keep rows that
-- an older snapshot may still see, and is not allowed in a function.
CREATE OR REPLACE FUNCTION shred_rewrite() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
	ALTER TABLE shred_key ALTER COLUMN key TYPE bytea USING key || ''::bytea
$$;

-- What is left of a key then is the write-ahead log: this ends its present file and makes a
-- checkpoint, after which older files go (wal_recycle = off). False: the owner may not
-- (deploy/postgres/shred.sql), and they go when the cluster does it by itself.
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
GRANT USAGE ON SCHEMA public TO moniker_service;
GRANT SELECT, INSERT, DELETE ON shred_key TO moniker_service;
GRANT EXECUTE ON FUNCTION shred_rewrite(), shred_flush() TO moniker_service;
