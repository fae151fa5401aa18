-- The background check of what is stored against what the log committed to (docs/audit-log.md).

-- How far it is in each log: so that a restart goes on. Of the log that is written, what stands
-- beside the leaves follows when they are through.
CREATE TABLE inspection (
	log       smallint PRIMARY KEY REFERENCES audit_log,
	pass      bigint NOT NULL DEFAULT 1,                      -- that is under way, or comes next
	next_seq  bigint NOT NULL DEFAULT 0 CHECK (next_seq >= 0), -- its next leaf
	done_at_s bigint NOT NULL DEFAULT 0                       -- when the last one ended; 0: none has
);

-- Things that were found and told by a leaf each, until a pass finds them as they should be.
CREATE TABLE inspection_fault (
	log        smallint NOT NULL REFERENCES audit_log,
	what       text     NOT NULL CHECK (octet_length(what) BETWEEN 1 AND 32),
	level      smallint NOT NULL, -- of a tile; else 0
	seq        bigint   NOT NULL, -- of a leaf, or a place in the order of status changes
	pass       bigint   NOT NULL, -- that saw it last
	found_at_s bigint   NOT NULL,
	PRIMARY KEY (log, what, level, seq)
);
GRANT SELECT, INSERT, UPDATE ON inspection TO moniker_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON inspection_fault TO moniker_service;
