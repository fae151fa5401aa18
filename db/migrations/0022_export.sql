-- Exports of the audit log: jobs of one node, made on its disk from the files of its logs. A row is
-- where a job goes on after a restart; what it made stands beside, and goes with the row.
CREATE TABLE audit_export (
	id             text     PRIMARY KEY CHECK (id ~ '^[a-z2-7]{16}$'),
	node           text     NOT NULL CHECK (node <> ''),
	actor          text     NOT NULL CHECK (length(actor) <= 64),
	log            smallint NOT NULL REFERENCES audit_log,
	size           bigint   NOT NULL CHECK (size >= 0),
	note           bytea    NOT NULL CHECK (octet_length(note) BETWEEN 1 AND 65536),
	-- What is asked for; NULL: not asked.
	after_seq      bigint   CHECK (after_seq >= 0),
	leaves_max     bigint   CHECK (leaves_max > 0),
	from_s         bigint   CHECK (from_s >= 0),
	to_s           bigint   CHECK (to_s >= 0),
	event          text     CHECK (length(event) BETWEEN 1 AND 64),
	code           text     CHECK (length(code) BETWEEN 1 AND 31),
	leaf_actor     text     CHECK (length(leaf_actor) BETWEEN 1 AND 64),
	-- How far it is: the next leaf to look at, the leaves taken, and the octets of the parts on disk.
	state          text     NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
	next_seq       bigint   NOT NULL DEFAULT 0,
	leaf_count     bigint   NOT NULL DEFAULT 0,
	first_seq      bigint   NOT NULL DEFAULT -1,
	last_seq       bigint   NOT NULL DEFAULT -1,
	last_st_s      bigint   NOT NULL DEFAULT 0,
	leaves_len     bigint   NOT NULL DEFAULT 0,
	csv_len        bigint   NOT NULL DEFAULT 0,
	tiles_len      bigint   NOT NULL DEFAULT 0,
	-- The end of it.
	archive_len    bigint,
	archive_sha256 bytea    CHECK (octet_length(archive_sha256) = 32),
	failure        text     CHECK (length(failure) <= 32),
	detail         text     CHECK (length(detail) <= 200),
	created_at_s   bigint   NOT NULL,
	finished_at_s  bigint,
	CHECK ((state = 'running') = (finished_at_s IS NULL)),
	CHECK ((state = 'done') = (archive_len IS NOT NULL AND archive_sha256 IS NOT NULL)),
	CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX audit_export_node ON audit_export (node, created_at_s);
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_export TO moniker_service;
