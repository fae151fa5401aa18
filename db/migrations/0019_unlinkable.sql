-- The unlinkable mode (docs/identity.md): birth certificates stand where all devices' do; what they
-- fetch under the Pseudonym CA stands here, and nothing in the tables but the keeper's own
-- ciphertexts tells which of it is of one device.

ALTER TABLE ca_issuer DROP CONSTRAINT ca_issuer_kind_check;
ALTER TABLE ca_issuer ADD CONSTRAINT ca_issuer_kind_check CHECK (kind IN
	('device-root', 'operations-root', 'device-ca', 'service-ca', 'operators-ca', 'birth-ca', 'pseudonym-ca'));

-- No time but the epoch's, the same for all, and no key that counts. `slot` bounds what one device
-- holds in an epoch: the keeper knows the few that are a device's.
CREATE TABLE pseudonym_certificate (
	month           smallint NOT NULL CHECK (month >= 0),
	serial          bytea    NOT NULL CHECK (octet_length(serial) = 20),
	issuer          bytea    NOT NULL,
	handle          text     NOT NULL,
	pseudonym       uuid     NOT NULL,
	spki_sha256     bytea    NOT NULL,
	not_before_at_s bigint   NOT NULL,
	not_after_at_s  bigint   NOT NULL,
	link            bytea    NOT NULL CHECK (octet_length(link) = 49),
	slot            bytea    NOT NULL CHECK (octet_length(slot) = 16),
	PRIMARY KEY (month, serial),
	UNIQUE (month, slot)
) PARTITION BY RANGE (month);
CREATE INDEX pseudonym_certificate_pseudonym ON pseudonym_certificate (pseudonym);
CREATE INDEX pseudonym_certificate_handle ON pseudonym_certificate (handle);

-- Devices that get no more pseudonyms, by a keyed hash. Until done, what they hold is still to be
-- revoked, at the next tick; then the link is gone, too.
CREATE TABLE pseudonym_block (
	block  bytea    PRIMARY KEY CHECK (octet_length(block) = 32),
	reason smallint NOT NULL CHECK (reason BETWEEN 0 AND 10),
	serial bytea    CHECK (octet_length(serial) = 20), -- what the link is bound to: random
	link   bytea    CHECK (octet_length(link) = 49),
	due_s  bigint,                                     -- the tick; NULL: done
	CHECK ((link IS NULL) = (due_s IS NULL) AND (serial IS NULL) = (due_s IS NULL))
);
CREATE INDEX pseudonym_block_due ON pseudonym_block (due_s) WHERE due_s IS NOT NULL;

-- Devices that were revoked by their birth certificate: their block is written in a transaction of
-- its own, and then the row here goes.
CREATE TABLE pseudonym_block_asked (
	device bigint PRIMARY KEY
);

-- As before, and the new table.
CREATE OR REPLACE FUNCTION partition_ensure(p_month smallint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	t text;
BEGIN
	IF p_month < 0 OR p_month > 12 * 200 THEN
		RAISE EXCEPTION 'month out of range' USING ERRCODE = 'MK005';
	END IF;
	FOREACH t IN ARRAY ARRAY['certificate', 'certificate_body', 'certificate_signature', 'renewal',
	    'pseudonym_certificate'] LOOP
		IF to_regclass(format('%s_m%s', t, p_month)) IS NULL THEN
			EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
			    format('%s_m%s', t, p_month), t, p_month, p_month + 1);
		END IF;
	END LOOP;
END
$$;
SELECT partition_ensure(substr(relname, 14)::smallint) FROM pg_class
	WHERE relname ~ '^certificate_m[0-9]+$' AND relkind = 'r';

-- A device that is revoked or replaced gets no more pseudonyms, whoever decided it.
CREATE FUNCTION device_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pseudonym_block_asked (device)
		SELECT NEW.id FROM batch WHERE id = NEW.batch AND mode = 'unlinkable'
		ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE TRIGGER device_ended AFTER UPDATE OF state ON device
	FOR EACH ROW WHEN (NEW.state IN ('revoked', 'replaced') AND OLD.state <> NEW.state)
	EXECUTE FUNCTION device_ended();

-- As before, and for what the Pseudonym CA's keeper refuses: key and slot are free again.
CREATE OR REPLACE FUNCTION certificate_abort(p_month smallint, p_serial bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	c certificate;
BEGIN
	IF NOT EXISTS (SELECT FROM certificate_body WHERE month = p_month AND serial = p_serial)
	    OR EXISTS (SELECT FROM certificate_signature WHERE month = p_month AND serial = p_serial) THEN
		RAISE EXCEPTION 'no unsigned certificate' USING ERRCODE = 'MK007';
	END IF;
	INSERT INTO certificate_abort VALUES (p_month, p_serial) ON CONFLICT DO NOTHING;
	SELECT * INTO c FROM certificate WHERE month = p_month AND serial = p_serial;
	IF NOT FOUND THEN
		DELETE FROM device_key AS k USING pseudonym_certificate AS p
			WHERE p.month = p_month AND p.serial = p_serial AND k.spki_sha256 = p.spki_sha256
			AND k.month = p_month AND k.serial = p_serial;
		DELETE FROM pseudonym_certificate WHERE month = p_month AND serial = p_serial;
		RETURN; -- else no device's: nothing else was taken
	END IF;
	IF NOT EXISTS (SELECT FROM certificate WHERE device = c.device AND (month, serial) <> (p_month, p_serial)) THEN
		PERFORM device_abort(c.device);
		RETURN;
	END IF;
	-- A renewal: the certificate before it may be renewed again.
	DELETE FROM renewal AS r USING certificate AS o WHERE o.device = c.device
		AND r.month = o.month AND r.serial = o.serial
		AND r.new_month = p_month AND r.new_serial = p_serial;
	DELETE FROM device_key WHERE spki_sha256 = c.spki_sha256 AND month = p_month AND serial = p_serial;
	DELETE FROM certificate WHERE month = p_month AND serial = p_serial;
END
$$;

GRANT SELECT, INSERT ON pseudonym_certificate TO moniker_service;
GRANT SELECT, INSERT, UPDATE ON pseudonym_block TO moniker_service;
GRANT SELECT, INSERT, DELETE ON pseudonym_block_asked TO moniker_service;
