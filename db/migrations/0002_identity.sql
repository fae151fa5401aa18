-- Certificate authorities, persons, batches, tokens, devices, certificates and their status.
--
-- No column holds a hardware id. Random keys stay out of large indexes: everything that grows with
-- certificates is partitioned by month of notBefore (months since January 2020), which the serial
-- carries, so that a lookup goes to one small index and retention drops whole months.

-- ---------------------------------------------------------------- authorities

CREATE TABLE ca_issuer (
	id              bytea    PRIMARY KEY CHECK (octet_length(id) = 8), -- SHA-256(SPKI), first 8 octets
	kind            text     NOT NULL CHECK (kind IN
	    ('device-root', 'operations-root', 'device-ca', 'service-ca', 'operators-ca')),
	parent          bytea    REFERENCES ca_issuer, -- NULL: a root
	certificate     bytea    NOT NULL,             -- DER
	not_before_at_s bigint   NOT NULL,
	not_after_at_s  bigint   NOT NULL,
	shard_count     smallint NOT NULL DEFAULT 1 CHECK (shard_count BETWEEN 1 AND 9999),
	in_keeper       boolean  NOT NULL,             -- the keeper signs with it, and builds its CRLs
	active          boolean  NOT NULL              -- new certificates of this kind come from here
);
CREATE UNIQUE INDEX ca_issuer_one_active ON ca_issuer (kind) WHERE active;

-- The CRL in force for each (issuer, shard), and the number given to it. Numbers never go back.
CREATE TABLE crl (
	issuer           bytea    NOT NULL REFERENCES ca_issuer,
	shard            smallint NOT NULL CHECK (shard >= 0),
	number           bigint   NOT NULL DEFAULT 0,
	this_update_at_s bigint   NOT NULL DEFAULT 0,
	next_update_at_s bigint   NOT NULL DEFAULT 0,
	status_seq       bigint   NOT NULL DEFAULT 0, -- status_head.seq that it includes
	der              bytea,                       -- NULL until the first is built
	lease_owner      text,                        -- the node that builds
	lease_until_at_s bigint   NOT NULL DEFAULT 0,
	PRIMARY KEY (issuer, shard)
);
ALTER TABLE crl ALTER COLUMN der SET STORAGE EXTERNAL;

-- ---------------------------------------------------------------- persons and stations

CREATE TABLE person (
	id           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	handle       text    NOT NULL UNIQUE CHECK (handle ~ '^[a-z2-7]{16}$'),
	name         text    NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9._@-]{1,64}$'), -- as the admin wrote it
	active       boolean NOT NULL DEFAULT true,
	created_at_s bigint  NOT NULL
);

CREATE TABLE person_role (
	person bigint NOT NULL REFERENCES person ON DELETE CASCADE,
	role   text   NOT NULL CHECK (role IN
	    ('station', 'verifier', 'officer', 'auditor', 'legal', 'admin')),
	PRIMARY KEY (person, role)
);

CREATE TABLE operator_certificate (
	serial          bytea  PRIMARY KEY CHECK (octet_length(serial) = 20),
	person          bigint NOT NULL REFERENCES person,
	issuer          bytea  NOT NULL REFERENCES ca_issuer,
	spki_sha256     bytea  NOT NULL UNIQUE CHECK (octet_length(spki_sha256) = 32),
	not_before_at_s bigint NOT NULL,
	not_after_at_s  bigint NOT NULL,
	tbs             bytea  NOT NULL,
	nonce           bytea  NOT NULL CHECK (octet_length(nonce) = 32), -- of its leaf's commitment
	signature       bytea,          -- NULL: pending, until `moniker operator sign`
	revoked_at_s    bigint,
	created_at_s    bigint NOT NULL
);
CREATE INDEX operator_certificate_person ON operator_certificate (person);

-- Bumped by every change of who may do what; caches are valid for one generation.
CREATE TABLE generation (
	name  text   PRIMARY KEY CHECK (name IN ('callers')),
	value bigint NOT NULL DEFAULT 1
);
INSERT INTO generation (name) VALUES ('callers');

CREATE FUNCTION callers_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	UPDATE generation SET value = value + 1 WHERE name = 'callers';
	RETURN NULL;
END
$$;
CREATE TRIGGER callers_changed AFTER INSERT OR UPDATE OR DELETE ON person
	FOR EACH STATEMENT EXECUTE FUNCTION callers_changed();
CREATE TRIGGER callers_changed AFTER INSERT OR UPDATE OR DELETE ON person_role
	FOR EACH STATEMENT EXECUTE FUNCTION callers_changed();
CREATE TRIGGER callers_changed AFTER INSERT OR UPDATE OR DELETE ON operator_certificate
	FOR EACH STATEMENT EXECUTE FUNCTION callers_changed();

-- ---------------------------------------------------------------- batches and tokens

CREATE TABLE batch (
	id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name          text    NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
	handle        text    NOT NULL UNIQUE CHECK (handle ~ '^[a-z2-7]{16}$'),
	model         text    NOT NULL CHECK (octet_length(model) BETWEEN 1 AND 128),
	mode          text    NOT NULL CHECK (mode IN ('pseudonymous', 'unlinkable')),
	profile       text    NOT NULL CHECK (profile ~ '^[a-z][a-z0-9-]{0,31}$'),
	quota         bigint  NOT NULL CHECK (quota BETWEEN 1 AND 1000000000),
	issued        bigint  NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND quota),
	refused       bigint  NOT NULL DEFAULT 0 CHECK (refused >= 0),
	opens_at_s    bigint  NOT NULL,
	closes_at_s   bigint  CHECK (closes_at_s > opens_at_s), -- NULL: no closing time
	-- Daily opening hours as minutes of the UTC day, [from, until); both NULL: all day.
	hours_from    smallint CHECK (hours_from BETWEEN 0 AND 1439),
	hours_until   smallint CHECK (hours_until BETWEEN 1 AND 1440),
	hardware_ids  text    NOT NULL CHECK (hardware_ids IN ('required', 'optional')),
	replace_policy text   NOT NULL CHECK (replace_policy IN ('never', 'same_station')),
	closed_at_s   bigint,           -- closed by hand, for ever
	created_at_s  bigint  NOT NULL,
	CHECK ((hours_from IS NULL) = (hours_until IS NULL))
);

-- Stations that may enroll into the batch; no row at all: every station.
CREATE TABLE batch_station (
	batch  integer NOT NULL REFERENCES batch ON DELETE CASCADE,
	person bigint  NOT NULL REFERENCES person,
	PRIMARY KEY (batch, person)
);

CREATE TABLE token (
	id            bigint   PRIMARY KEY, -- random
	batch         integer  NOT NULL REFERENCES batch,
	handle        text     NOT NULL CHECK (handle ~ '^[a-z2-7]{16}$'),
	random_sha256 bytea    NOT NULL CHECK (octet_length(random_sha256) = 32),
	expires_at_s  bigint   NOT NULL,
	state         text     NOT NULL DEFAULT 'free' CHECK (state IN ('free', 'spent', 'burnt')),
	refusals      smallint NOT NULL DEFAULT 0, -- five of the kinds that count burn it
	device        bigint,                      -- spent for this device
	bound_kid     smallint,                    -- bound to hardware: these tags, exactly
	bound_tags    bytea[],
	CHECK ((state = 'spent') = (device IS NOT NULL)),
	CHECK ((bound_kid IS NULL) = (bound_tags IS NULL))
);

-- ---------------------------------------------------------------- devices

CREATE TABLE device (
	id            bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	pseudonym     uuid    NOT NULL, -- random, the certificate's subject; indexed with certificate
	batch         integer NOT NULL REFERENCES batch,
	profile       text    NOT NULL,
	person        bigint  REFERENCES person, -- the credential of the enrollment: a station,
	token         bigint,                    -- or a token
	tag_count     smallint NOT NULL CHECK (tag_count BETWEEN 0 AND 4),
	state         text    NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'held', 'revoked', 'replaced')),
	enrolled_at_s bigint  NOT NULL,
	CHECK ((person IS NULL) <> (token IS NULL))
);

-- A key belongs to one device, for ever. month and serial: the key's first certificate.
CREATE TABLE device_key (
	spki_sha256 bytea    PRIMARY KEY CHECK (octet_length(spki_sha256) = 32),
	device      bigint   REFERENCES device,
	month       smallint NOT NULL,
	serial      bytea    NOT NULL
);

-- tag = k * H2G(hardware id), k in the keeper only.
CREATE TABLE device_tag (
	kid      smallint NOT NULL,
	tag      bytea    NOT NULL CHECK (octet_length(tag) = 32),
	device   bigint   NOT NULL REFERENCES device,
	blocked  boolean  NOT NULL DEFAULT false, -- its device was revoked
	readmit  boolean  NOT NULL DEFAULT false, -- a single-use leave to enroll again
	PRIMARY KEY (kid, tag)
);
CREATE INDEX device_tag_device ON device_tag (device);

CREATE TABLE certificate (
	month           smallint NOT NULL CHECK (month >= 0),
	serial          bytea    NOT NULL CHECK (octet_length(serial) = 20),
	device          bigint   NOT NULL REFERENCES device,
	issuer          bytea    NOT NULL REFERENCES ca_issuer,
	handle          text     NOT NULL CHECK (handle ~ '^[a-z2-7]{16}$'),
	pseudonym       uuid     NOT NULL,
	spki_sha256     bytea    NOT NULL,
	not_before_at_s bigint   NOT NULL,
	not_after_at_s  bigint   NOT NULL,
	PRIMARY KEY (month, serial)
) PARTITION BY RANGE (month);
CREATE INDEX certificate_device ON certificate (device);
CREATE INDEX certificate_pseudonym ON certificate (pseudonym);
CREATE INDEX certificate_handle ON certificate (handle);

-- What the leaf at (log, seq) commits to. Of every certificate that the keeper signs, the service's
-- own TLS certificates included.
CREATE TABLE certificate_body (
	month  smallint NOT NULL,
	serial bytea    NOT NULL,
	issuer bytea    NOT NULL,
	log    smallint NOT NULL,
	seq    bigint   NOT NULL,
	nonce  bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	tbs    bytea    NOT NULL,
	PRIMARY KEY (month, serial)
) PARTITION BY RANGE (month);
CREATE INDEX certificate_body_seq ON certificate_body (log, seq);

CREATE TABLE certificate_signature (
	month     smallint NOT NULL,
	serial    bytea    NOT NULL,
	signature bytea    NOT NULL CHECK (octet_length(signature) BETWEEN 8 AND 72),
	PRIMARY KEY (month, serial)
) PARTITION BY RANGE (month);

-- Renewal is keyed on the certificate presented: the same key again gets the recorded one.
CREATE TABLE renewal (
	month       smallint NOT NULL,
	serial      bytea    NOT NULL,
	new_month   smallint NOT NULL,
	new_serial  bytea    NOT NULL,
	spki_sha256 bytea    NOT NULL,
	PRIMARY KEY (month, serial)
) PARTITION BY RANGE (month);

-- Every log has signed up to here: bounds the search for unsigned bodies at start.
CREATE TABLE signed_head (
	log smallint PRIMARY KEY REFERENCES audit_log,
	seq bigint   NOT NULL -- all bodies with a smaller seq have their signature
);

-- ---------------------------------------------------------------- status

-- A row per certificate that is revoked or held now.
CREATE TABLE revocation (
	month          smallint NOT NULL,
	serial         bytea    NOT NULL CHECK (octet_length(serial) = 20),
	issuer         bytea    NOT NULL REFERENCES ca_issuer,
	state          text     NOT NULL CHECK (state IN ('held', 'revoked')),
	reason         smallint NOT NULL CHECK (reason BETWEEN 0 AND 10), -- RFC 5280 section 5.3.1
	revoked_at_s   bigint   NOT NULL,
	not_after_at_s bigint   NOT NULL, -- the certificate's: when it may leave the CRL
	seq            bigint   NOT NULL, -- status_change.seq
	PRIMARY KEY (month, serial)
);
CREATE INDEX revocation_issuer ON revocation (issuer, seq);

-- Every change, in the one global order (status_head).
CREATE TABLE status_change (
	seq    bigint   PRIMARY KEY,
	month  smallint NOT NULL,
	serial bytea    NOT NULL,
	issuer bytea    NOT NULL,
	state  text     NOT NULL CHECK (state IN ('good', 'held', 'revoked')),
	reason smallint NOT NULL,
	at_s   bigint   NOT NULL
);

-- What an officer asked for.
CREATE TABLE status_request (
	id           text     PRIMARY KEY CHECK (id ~ '^[a-z2-7]{16}$'),
	person       bigint   NOT NULL REFERENCES person,
	action       text     NOT NULL CHECK (action IN ('revoke', 'hold', 'release', 'readmit')),
	reason       smallint NOT NULL,
	state        text     NOT NULL CHECK (state IN ('applied')),
	target_count bigint   NOT NULL,
	at_s         bigint   NOT NULL
);

-- ---------------------------------------------------------------- partitions

-- Makes the month's partitions, if missing. Called ahead of time by the service.
CREATE FUNCTION partition_ensure(p_month smallint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	t text;
BEGIN
	IF p_month < 0 OR p_month > 12 * 200 THEN
		RAISE EXCEPTION 'month out of range' USING ERRCODE = 'MK005';
	END IF;
	FOREACH t IN ARRAY ARRAY['certificate', 'certificate_body', 'certificate_signature', 'renewal'] LOOP
		IF to_regclass(format('%s_m%s', t, p_month)) IS NULL THEN
			EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
			    format('%s_m%s', t, p_month), t, p_month, p_month + 1);
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION partition_ensure(smallint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partition_ensure(smallint) TO moniker_service;

-- ---------------------------------------------------------------- the service's rights

GRANT SELECT ON ca_issuer TO moniker_service;
GRANT SELECT, UPDATE ON crl TO moniker_service;
GRANT INSERT ON crl TO moniker_service;
GRANT SELECT, INSERT, UPDATE ON person, operator_certificate TO moniker_service;
GRANT SELECT, INSERT, DELETE ON person_role TO moniker_service;
GRANT SELECT ON generation TO moniker_service;
GRANT SELECT, INSERT, UPDATE ON batch, token, device, device_tag, revocation TO moniker_service;
GRANT SELECT, INSERT, DELETE ON batch_station TO moniker_service;
GRANT SELECT, INSERT ON device_key, certificate, certificate_body, certificate_signature, renewal,
	status_change, status_request TO moniker_service;
GRANT SELECT, INSERT, UPDATE ON signed_head TO moniker_service;
GRANT DELETE ON revocation TO moniker_service;
