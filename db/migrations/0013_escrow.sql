-- Escrow: the identities of a batch's devices, sealed for the officers. docs/identity.md.

ALTER TABLE batch ADD COLUMN escrow boolean NOT NULL DEFAULT false; -- never changes

-- Who can open: public halves, signed by the Operations Root. The largest number is in force.
CREATE TABLE seat_set (
	number    bigint PRIMARY KEY CHECK (number BETWEEN 1 AND 4294967295),
	body      bytea  NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 4096),
	root      bytea  NOT NULL REFERENCES ca_issuer,
	signature bytea  NOT NULL CHECK (octet_length(signature) BETWEEN 8 AND 72),
	made_at_s bigint NOT NULL
);

-- A sealed record, in a wrap whose key is in shred_key: without that it is noise. The leaf at
-- (log, seq) commits with `nonce` to the record in the wrap. It names no device: a way from a
-- pseudonym to it is certificate_body's.
CREATE TABLE escrow_record (
	log       smallint NOT NULL,
	seq       bigint   NOT NULL,
	seat_set  bigint   NOT NULL,
	shred_id  bytea    NOT NULL CHECK (octet_length(shred_id) = 16),
	nonce     bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	body      bytea    NOT NULL CHECK (octet_length(body) BETWEEN 64 AND 8192),
	PRIMARY KEY (log, seq)
);
CREATE INDEX escrow_record_shred ON escrow_record (shred_id);
ALTER TABLE escrow_record ALTER COLUMN body SET STORAGE EXTERNAL; -- noise does not compress

-- Shares that were sealed again, to who holds the seat now.
CREATE TABLE escrow_share (
	log       smallint NOT NULL,
	seq       bigint   NOT NULL,
	role      smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
	seat      smallint NOT NULL CHECK (seat BETWEEN 1 AND 16),
	sealed    bytea    NOT NULL CHECK (octet_length(sealed) = 112),
	made_at_s bigint   NOT NULL,
	PRIMARY KEY (log, seq, role, seat),
	FOREIGN KEY (log, seq) REFERENCES escrow_record
);

-- One key for each record. Used here when [escrow] shred_url is empty; else the same table stands in
-- that database (deploy/postgres/shred.sql), whose backups are few and short-lived. An id is the
-- writer's, drawn at its start, and a count: never used twice, and new rows lie beside each other.
CREATE TABLE shred_key (
	id        bytea  PRIMARY KEY CHECK (octet_length(id) = 16),
	key       bytea  NOT NULL CHECK (octet_length(key) = 32),
	made_at_s bigint NOT NULL
);

CREATE INDEX shred_key_made ON shred_key (made_at_s); -- for the sweep of those that belong to no record

GRANT SELECT ON seat_set, escrow_share TO moniker_service;
GRANT SELECT, INSERT ON escrow_record TO moniker_service;
GRANT SELECT, INSERT, DELETE ON shred_key TO moniker_service;
