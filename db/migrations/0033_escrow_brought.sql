-- Sealed records that stations bring: blind batches with escrow. docs/identity.md.

-- Their ids, each once and for ever: a record that is brought again would disclose another device,
-- also when the first one has gone with its part of the log. Random, and on no side of any link: the
-- record's own row does not have it in clear.
CREATE TABLE escrow_brought (
	id bytea PRIMARY KEY CHECK (octet_length(id) = 16)
);
GRANT SELECT, INSERT ON escrow_brought TO moniker_service;
