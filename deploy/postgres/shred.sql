-- The shred keys' own database: run as its owner, after roles.sql in its cluster. It belongs into a
-- cluster of its own, whose backups and write-ahead log are kept for days at most: deleting a key
-- erases an identity only when no copy of the key is left (docs/privacy.md).
CREATE TABLE IF NOT EXISTS shred_key (
	id        bytea  PRIMARY KEY CHECK (octet_length(id) = 16),
	key       bytea  NOT NULL CHECK (octet_length(key) = 32),
	made_at_s bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS shred_key_made ON shred_key (made_at_s);
GRANT USAGE ON SCHEMA public TO moniker_service;
GRANT SELECT, INSERT, DELETE ON shred_key TO moniker_service;
