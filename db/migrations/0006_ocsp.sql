-- Whether an authority's certificates name the OCSP responder, and its policy lets the keeper
-- certify one. Those that are there were made before: their policy allows neither, and
-- `moniker ca roll` makes one that does. Those to come are made with both.
ALTER TABLE ca_issuer ADD COLUMN ocsp boolean NOT NULL DEFAULT false;
ALTER TABLE ca_issuer ALTER COLUMN ocsp SET DEFAULT true;
