-- Escrow audits: a disclosure that names no pseudonym, since the log draws the records.
ALTER TABLE disclosure DROP CONSTRAINT disclosure_pseudonyms_check;
ALTER TABLE disclosure ADD CHECK (cardinality(pseudonyms) BETWEEN 0 AND 10);

-- Handovers: the set whose key a share was sealed again to; a later handover of the seat replaces it.
ALTER TABLE escrow_share ADD COLUMN seat_set bigint NOT NULL REFERENCES seat_set;
GRANT INSERT, UPDATE ON escrow_share TO moniker_service;

-- Keys of seats that are lost, or that nobody may trust any more: who holds the seat next has another.
CREATE TABLE seat_loss (
	public_key bytea    PRIMARY KEY CHECK (octet_length(public_key) = 32),
	role       smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
	seat       smallint NOT NULL CHECK (seat BETWEEN 1 AND 16),
	at_s       bigint   NOT NULL
);
GRANT SELECT ON seat_loss TO moniker_service;
