-- A node that is lost for ever: its log is retired, and live nodes adopt what it recorded and did not
-- sign. Never taken back: who was told that the log is closed at this size has to be able to rely on it.
ALTER TABLE audit_log ADD COLUMN gone_at_s bigint;

-- A leaf of a live log that commits anew to a certificate_body of a retired one. When that log is
-- retired, too, before its keeper has signed, the next one has the next turn: of two live nodes that
-- want the same turn, one gets it.
CREATE TABLE certificate_adoption (
	month  smallint NOT NULL,
	serial bytea    NOT NULL CHECK (octet_length(serial) = 20),
	turn   smallint NOT NULL CHECK (turn >= 0),
	log    smallint NOT NULL REFERENCES audit_log,
	seq    bigint   NOT NULL CHECK (seq >= 0),
	nonce  bytea    NOT NULL CHECK (octet_length(nonce) = 32),
	PRIMARY KEY (month, serial, turn)
);
CREATE INDEX certificate_adoption_seq ON certificate_adoption (log, seq);
GRANT SELECT, INSERT ON certificate_adoption TO moniker_service;

-- As before, but for a log that is retired.
CREATE OR REPLACE FUNCTION ledger_take_over(p_origin text, OUT log smallint, OUT owner bigint, OUT size bigint,
	OUT last_st_at_s bigint) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE audit_log AS l SET owner = l.owner + 1 WHERE l.origin = p_origin AND l.gone_at_s IS NULL
		RETURNING l.id, l.owner, l.size, l.last_st_at_s INTO log, owner, size, last_st_at_s;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such log, or it is retired' USING ERRCODE = 'MK002';
	END IF;
END
$$;
