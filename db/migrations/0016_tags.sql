-- Keys of hardware tags, batches that see tags only, and manifests.

-- Of each key that tags were made with: the active one, and while tags are moved from one to the
-- next, the retiring one, under which tags are looked up too.
CREATE TABLE tag_key (
	kid   smallint PRIMARY KEY CHECK (kid BETWEEN 0 AND 255),
	state text     NOT NULL CHECK (state IN ('active', 'retiring', 'destroyed')),
	active_from_s bigint NOT NULL
);
CREATE UNIQUE INDEX tag_key_one_active ON tag_key (state) WHERE state = 'active';
CREATE UNIQUE INDEX tag_key_one_retiring ON tag_key (state) WHERE state = 'retiring';
INSERT INTO tag_key VALUES (1, 'active', 0);

-- `blind`: stations send tags, which they got without showing the hardware id.
CREATE DOMAIN batch_hardware AS text CHECK (VALUE IN ('required', 'optional', 'blind'));
ALTER TABLE batch ALTER COLUMN hardware_ids TYPE batch_hardware,
	ADD COLUMN manifest boolean NOT NULL DEFAULT false; -- only hardware that is listed
DROP DOMAIN batch_hardware_ids;

CREATE TABLE manifest_tag (
	batch    integer  NOT NULL REFERENCES batch,
	kid      smallint NOT NULL,
	tag      bytea    NOT NULL CHECK (octet_length(tag) = 32),
	enrolled boolean  NOT NULL DEFAULT false, -- a device has it, or had
	PRIMARY KEY (batch, kid, tag)
);

-- What is bound or listed under a key that is no more would never be found.
CREATE FUNCTION tag_kid_lives() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT state FROM tag_key WHERE kid = (to_jsonb(NEW) ->> TG_ARGV[0])::smallint) = 'destroyed' THEN
		RAISE EXCEPTION 'the tag key is no more' USING ERRCODE = 'MK016';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER tag_kid_lives BEFORE INSERT ON token
	FOR EACH ROW WHEN (NEW.bound_kid IS NOT NULL) EXECUTE FUNCTION tag_kid_lives('bound_kid');
CREATE TRIGGER tag_kid_lives BEFORE INSERT ON manifest_tag
	FOR EACH ROW EXECUTE FUNCTION tag_kid_lives('kid');

GRANT SELECT ON tag_key TO moniker_service;
GRANT SELECT, INSERT, UPDATE ON manifest_tag TO moniker_service;
