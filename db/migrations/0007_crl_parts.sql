-- Delta CRLs (RFC 5280 section 5.2.4), and lists in parts, so that none is ever whole in the memory
-- of whoever stores or reads it. Full and delta CRLs of one (issuer, shard) share crl.number.

CREATE TABLE crl_part (
	issuer bytea    NOT NULL,
	shard  smallint NOT NULL,
	delta  boolean  NOT NULL,
	part   integer  NOT NULL CHECK (part >= 0), -- in order; together they are the DER
	octets bytea    NOT NULL,
	PRIMARY KEY (issuer, shard, delta, part),
	FOREIGN KEY (issuer, shard) REFERENCES crl
);
ALTER TABLE crl_part ALTER COLUMN octets SET STORAGE EXTERNAL;

INSERT INTO crl_part (issuer, shard, delta, part, octets)
	SELECT issuer, shard, false, 0, der FROM crl WHERE der IS NOT NULL;

ALTER TABLE crl
	DROP COLUMN der,
	ADD COLUMN full_number            bigint NOT NULL DEFAULT 0, -- of the full CRL in force; 0: none
	ADD COLUMN delta_number           bigint NOT NULL DEFAULT 0, -- of the delta CRL in force; 0: none
	ADD COLUMN delta_this_update_at_s bigint NOT NULL DEFAULT 0,
	ADD COLUMN delta_next_update_at_s bigint NOT NULL DEFAULT 0,
	ADD COLUMN delta_status_seq       bigint NOT NULL DEFAULT 0,
	-- The full CRL that deltas are based on, and the one that they will be based on next.
	ADD COLUMN base_number            bigint NOT NULL DEFAULT 0,
	ADD COLUMN base_at_s              bigint NOT NULL DEFAULT 0,
	ADD COLUMN base_status_seq        bigint NOT NULL DEFAULT 0,
	ADD COLUMN next_base_number       bigint NOT NULL DEFAULT 0,
	ADD COLUMN next_base_at_s         bigint NOT NULL DEFAULT 0,
	ADD COLUMN next_base_status_seq   bigint NOT NULL DEFAULT 0;
UPDATE crl SET full_number = number WHERE this_update_at_s > 0;

-- Releases since a base: few among many changes.
CREATE INDEX status_change_good ON status_change (issuer, seq) WHERE state = 'good';

GRANT SELECT, INSERT, DELETE ON crl_part TO moniker_service;
