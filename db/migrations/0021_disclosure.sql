-- Disclosures: who asked for whose identity and why, who agreed, and what became of it.

CREATE TABLE disclosure (
	id           text     PRIMARY KEY CHECK (id ~ '^[a-z2-7]{16}$'),
	person       bigint   NOT NULL REFERENCES person, -- who asks
	body         bytea    NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 2048), -- the request's text
	pseudonyms   uuid[]   NOT NULL CHECK (cardinality(pseudonyms) BETWEEN 1 AND 10),
	nonce        bytea    NOT NULL CHECK (octet_length(nonce) = 32), -- of its leaf's `e`
	log          smallint NOT NULL REFERENCES audit_log,
	seq          bigint   NOT NULL,
	state        text     NOT NULL DEFAULT 'submitted'
	    CHECK (state IN ('submitted', 'approved', 'exported', 'closed')),
	outcome      text     CHECK (outcome IN ('fulfilled', 'rejected', 'expired')),
	at_s         bigint   NOT NULL,
	expires_at_s bigint   NOT NULL CHECK (expires_at_s > at_s),
	CHECK ((state = 'closed') = (outcome IS NOT NULL))
);
CREATE INDEX disclosure_open ON disclosure (expires_at_s) WHERE state <> 'closed';

-- One of each role, each of another person, none of them who asked: the last is a trigger's, since it
-- is another table's column.
CREATE TABLE disclosure_approval (
	disclosure  text     NOT NULL REFERENCES disclosure,
	role        text     NOT NULL CHECK (role IN ('legal', 'officer')),
	person      bigint   NOT NULL REFERENCES person,
	signature   bytea    NOT NULL CHECK (octet_length(signature) BETWEEN 8 AND 72),
	certificate bytea    NOT NULL, -- the signer's, DER
	nonce       bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	log         smallint NOT NULL REFERENCES audit_log,
	seq         bigint   NOT NULL,
	PRIMARY KEY (disclosure, role),
	UNIQUE (disclosure, person)
);

CREATE FUNCTION approval_is_another_s() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM disclosure WHERE id = NEW.disclosure AND person = NEW.person) THEN
		RAISE EXCEPTION 'who asks does not approve' USING ERRCODE = 'MK011';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER approval_is_another_s BEFORE INSERT OR UPDATE ON disclosure_approval
	FOR EACH ROW EXECUTE FUNCTION approval_is_another_s();

GRANT SELECT, INSERT, UPDATE (state, outcome) ON disclosure TO moniker_service;
GRANT SELECT, INSERT ON disclosure_approval TO moniker_service;
