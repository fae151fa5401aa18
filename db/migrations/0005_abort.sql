-- TBSCertificates that the keeper refused for ever: they are not asked for again, and what their
-- enrollment or renewal took is free. The body stays: a leaf commits to it.
CREATE TABLE certificate_abort (
	month  smallint NOT NULL,
	serial bytea    NOT NULL CHECK (octet_length(serial) = 20),
	PRIMARY KEY (month, serial)
);

-- Frees what a first certificate took: its device was never one. Locks in the order of enrollments.
-- A device that is no longer active is left alone: whoever replaced, held or revoked it decided on
-- its hardware since.
CREATE FUNCTION device_abort(p_device bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
	d device;
BEGIN
	SELECT * INTO STRICT d FROM device WHERE id = p_device;
	PERFORM FROM batch WHERE id = d.batch FOR UPDATE;
	PERFORM FROM token WHERE id = d.token FOR UPDATE;
	PERFORM FROM device_tag WHERE device = p_device ORDER BY kid, tag FOR UPDATE;
	SELECT * INTO STRICT d FROM device WHERE id = p_device FOR UPDATE;
	IF d.state <> 'active' THEN
		RETURN;
	END IF;
	-- A replacement counted nothing, but the one that it replaced did, and is gone for good.
	UPDATE batch SET issued = issued - 1 WHERE id = d.batch AND issued > 0;
	UPDATE token SET state = 'free', device = NULL
		WHERE id = d.token AND state = 'spent' AND device = p_device;
	DELETE FROM device_tag WHERE device = p_device;
	DELETE FROM device_key WHERE device = p_device;
	DELETE FROM certificate WHERE device = p_device;
	DELETE FROM device WHERE id = p_device;
END
$$;
REVOKE ALL ON FUNCTION device_abort(bigint) FROM PUBLIC;

-- The service may not delete any of these; this deletes only what no signature exists for.
CREATE FUNCTION certificate_abort(p_month smallint, p_serial bytea) RETURNS void
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
		RETURN; -- no device's: nothing else was taken
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
REVOKE ALL ON FUNCTION certificate_abort(smallint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certificate_abort(smallint, bytea) TO moniker_service;
GRANT SELECT ON certificate_abort TO moniker_service;
