-- A status signer's TBSCertificate is on record, with the nonce of its leaf, before the Device Root
-- signs it: the certificate comes later than the row. Those that `moniker init` made have none.
ALTER TABLE status_signer ALTER COLUMN certificate DROP NOT NULL;
ALTER TABLE status_signer ADD COLUMN parent bytea REFERENCES ca_issuer;
ALTER TABLE status_signer ADD COLUMN tbs bytea;
ALTER TABLE status_signer ADD COLUMN nonce bytea CHECK (octet_length(nonce) = 32);
ALTER TABLE status_signer ADD CHECK (certificate IS NOT NULL
	OR (parent IS NOT NULL AND tbs IS NOT NULL AND nonce IS NOT NULL));
REVOKE SELECT ON status_signer FROM moniker_service;
GRANT SELECT (id, certificate) ON status_signer TO moniker_service;

-- Services make their bundle anew when this moves, as they read the authorities.
CREATE TRIGGER status_signer_changed AFTER INSERT OR UPDATE OR DELETE ON status_signer
	FOR EACH STATEMENT EXECUTE FUNCTION issuers_changed();
