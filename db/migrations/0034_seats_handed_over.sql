-- Seats that change hands, and keys of seats that are lost. docs/identity.md.

-- Whose key a share was sealed to again: each holder has a row of its own, and none is ever written over.
-- Nothing wrote here before.
ALTER TABLE escrow_share ADD COLUMN public_key bytea NOT NULL CHECK (octet_length(public_key) = 32);
ALTER TABLE escrow_share DROP CONSTRAINT escrow_share_pkey, ADD PRIMARY KEY (log, seq, role, seat, public_key);
GRANT INSERT ON escrow_share TO moniker_service;

-- By key: it may have its place in several sets. The owner writes it (`moniker seat lose`).
CREATE TABLE seat_loss (
	public_key bytea    PRIMARY KEY CHECK (octet_length(public_key) = 32),
	role       smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
	seat       smallint NOT NULL CHECK (seat BETWEEN 1 AND 16),
	at_s       bigint   NOT NULL
);
GRANT SELECT ON seat_loss TO moniker_service;
