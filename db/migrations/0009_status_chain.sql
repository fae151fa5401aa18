-- The order of status changes is a chain of hashes (docs/status.md): H(0) is 32 zero octets, H(n) is
-- SHA-256(H(n-1) || "ISSUER SERIAL STATE TIME REASON" of the change n).
ALTER TABLE status_head ADD COLUMN hash bytea NOT NULL
	DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(hash) = 32);
ALTER TABLE status_change ADD COLUMN hash bytea; -- H(seq)

DO $$
DECLARE
	h bytea := decode(repeat('00', 32), 'hex');
	c record;
BEGIN
	FOR c IN SELECT * FROM status_change ORDER BY seq LOOP
		h := sha256(h || convert_to(encode(c.issuer, 'hex') || ' ' || encode(c.serial, 'hex') || ' '
			|| c.state || ' ' || c.at_s || ' ' || CASE c.state WHEN 'good' THEN 0 ELSE c.reason END, 'UTF8'));
		UPDATE status_change SET hash = h WHERE seq = c.seq;
	END LOOP;
	UPDATE status_head SET hash = h;
END
$$;
ALTER TABLE status_change ALTER COLUMN hash SET NOT NULL;
ALTER TABLE status_change ADD CHECK (octet_length(hash) = 32);

-- Certificates of the keys that sign pages and sets; the newest is last.
CREATE TABLE status_signer (
	id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	public_key   bytea   NOT NULL UNIQUE CHECK (octet_length(public_key) = 32), -- Ed25519
	certificate  bytea   NOT NULL, -- DER, by the Device Root
	created_at_s bigint  NOT NULL
);
GRANT SELECT ON status_signer TO moniker_service;
