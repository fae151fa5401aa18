-- The life of an authority: one that follows another stands beside it until the last certificate of
-- the old one has expired.
ALTER TABLE ca_issuer ADD COLUMN state text
	CHECK (state IN ('next', 'active', 'rolled', 'retired'));
UPDATE ca_issuer SET state = CASE WHEN active THEN 'active' ELSE 'rolled' END;
ALTER TABLE ca_issuer ALTER COLUMN state SET NOT NULL;
ALTER TABLE ca_issuer DROP COLUMN active; -- and its index
ALTER TABLE ca_issuer ADD COLUMN rolled_at_s bigint; -- since when it issues nothing
CREATE UNIQUE INDEX ca_issuer_one_active ON ca_issuer (kind) WHERE state = 'active';
CREATE UNIQUE INDEX ca_issuer_one_next ON ca_issuer (kind) WHERE state = 'next';

-- An authority's TBSCertificate, on record before its root signs it; with the nonce of its leaf.
CREATE TABLE ca_issuance (
	issuer       bytea    PRIMARY KEY CHECK (octet_length(issuer) = 8),
	kind         text     NOT NULL,
	parent       bytea    NOT NULL REFERENCES ca_issuer,
	shard_count  smallint NOT NULL CHECK (shard_count BETWEEN 1 AND 9999),
	tbs          bytea    NOT NULL,
	nonce        bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	created_at_s bigint   NOT NULL
);

-- Services look at this once a second, and read the authorities again when it has changed.
ALTER TABLE generation DROP CONSTRAINT generation_name_check;
ALTER TABLE generation ADD CONSTRAINT generation_name_check CHECK (name IN ('callers', 'issuers'));
INSERT INTO generation (name) VALUES ('issuers');

CREATE FUNCTION issuers_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	UPDATE generation SET value = value + 1 WHERE name = 'issuers';
	RETURN NULL;
END
$$;
CREATE TRIGGER issuers_changed AFTER INSERT OR UPDATE OR DELETE ON ca_issuer
	FOR EACH STATEMENT EXECUTE FUNCTION issuers_changed();
