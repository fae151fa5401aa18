-- What each enrollment paid for and did not need: docs/decisions/0020-lean-enrollment.md.

-- ---------------------------------------------------------------- foreign keys

-- Each was a query of its own for each row, and a lock written to the row that it found. What they
-- referred to is a row of the same statement, or one that is never deleted: the triggers below keep
-- it so.
ALTER TABLE device DROP CONSTRAINT device_batch_fkey, DROP CONSTRAINT device_person_fkey;
ALTER TABLE device_key DROP CONSTRAINT device_key_device_fkey;
ALTER TABLE device_tag DROP CONSTRAINT device_tag_device_fkey;
ALTER TABLE certificate DROP CONSTRAINT certificate_device_fkey, DROP CONSTRAINT certificate_issuer_fkey;

-- Rows that others name stay, and keep their ids.
CREATE FUNCTION row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of % stay for ever', TG_TABLE_NAME USING ERRCODE = 'MK008';
END
$$;
CREATE TRIGGER row_stays BEFORE DELETE OR UPDATE OF id ON batch
	FOR EACH ROW EXECUTE FUNCTION row_stays();
CREATE TRIGGER row_stays BEFORE DELETE OR UPDATE OF id ON person
	FOR EACH ROW EXECUTE FUNCTION row_stays();
CREATE TRIGGER row_stays BEFORE DELETE OR UPDATE OF id ON ca_issuer
	FOR EACH ROW EXECUTE FUNCTION row_stays();
CREATE TRIGGER row_stays BEFORE UPDATE OF id ON device
	FOR EACH ROW EXECUTE FUNCTION row_stays();

-- A device goes only after all that it took: device_abort().
CREATE FUNCTION device_is_bare() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM certificate WHERE device = OLD.id)
	    OR EXISTS (SELECT FROM device_tag WHERE device = OLD.id) THEN
		RAISE EXCEPTION 'the device has certificates or tags' USING ERRCODE = 'MK008';
	END IF;
	RETURN OLD;
END
$$;
CREATE TRIGGER device_is_bare BEFORE DELETE ON device
	FOR EACH ROW EXECUTE FUNCTION device_is_bare();

-- ---------------------------------------------------------------- checks

-- An UPDATE checks all of a table's CHECKs again, a domain's only for the columns that it sets. Two
-- rows are updated by every group commit: the batch's, which counts, and the log's.
CREATE DOMAIN handle_text AS text CHECK (VALUE ~ '^[a-z2-7]{16}$');
CREATE DOMAIN batch_name AS text CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$');
CREATE DOMAIN batch_model AS text CHECK (octet_length(VALUE) BETWEEN 1 AND 128);
CREATE DOMAIN batch_mode AS text CHECK (VALUE IN ('pseudonymous', 'unlinkable'));
CREATE DOMAIN profile_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,31}$');
CREATE DOMAIN batch_quota AS bigint CHECK (VALUE BETWEEN 1 AND 1000000000);
CREATE DOMAIN hour_from AS smallint CHECK (VALUE BETWEEN 0 AND 1439);
CREATE DOMAIN hour_until AS smallint CHECK (VALUE BETWEEN 1 AND 1440);
CREATE DOMAIN batch_hardware_ids AS text CHECK (VALUE IN ('required', 'optional'));
CREATE DOMAIN batch_replace_policy AS text CHECK (VALUE IN ('never', 'same_station'));
ALTER TABLE batch
	DROP CONSTRAINT batch_name_check, ALTER COLUMN name TYPE batch_name,
	DROP CONSTRAINT batch_handle_check, ALTER COLUMN handle TYPE handle_text,
	DROP CONSTRAINT batch_model_check, ALTER COLUMN model TYPE batch_model,
	DROP CONSTRAINT batch_mode_check, ALTER COLUMN mode TYPE batch_mode,
	DROP CONSTRAINT batch_profile_check, ALTER COLUMN profile TYPE profile_name,
	DROP CONSTRAINT batch_quota_check, ALTER COLUMN quota TYPE batch_quota,
	DROP CONSTRAINT batch_hours_from_check, ALTER COLUMN hours_from TYPE hour_from,
	DROP CONSTRAINT batch_hours_until_check, ALTER COLUMN hours_until TYPE hour_until,
	DROP CONSTRAINT batch_hardware_ids_check, ALTER COLUMN hardware_ids TYPE batch_hardware_ids,
	DROP CONSTRAINT batch_replace_policy_check, ALTER COLUMN replace_policy TYPE batch_replace_policy;

CREATE DOMAIN log_origin AS text CHECK (VALUE ~ '^[A-Za-z0-9._/-]{1,128}$');
CREATE DOMAIN note_public_key AS bytea CHECK (octet_length(VALUE) = 32); -- Ed25519
ALTER TABLE audit_log
	DROP CONSTRAINT audit_log_origin_check, ALTER COLUMN origin TYPE log_origin,
	DROP CONSTRAINT audit_log_public_key_check, ALTER COLUMN public_key TYPE note_public_key;

-- ---------------------------------------------------------------- the fence

-- Fence and leaves are one statement of the ledger's, which ends with this.
CREATE FUNCTION expect_owner(p_rows bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF p_rows <> 1 THEN
		RAISE EXCEPTION 'fenced: another writer owns the log' USING ERRCODE = 'MK001';
	END IF;
END
$$;
DROP FUNCTION ledger_fence(smallint, bigint, bigint, bigint, bigint);
