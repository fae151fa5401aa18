-- What lets the writes of a group commit travel with its COMMIT, in one round trip.

-- Ends a statement that must have touched as many rows as it was given. Fewer: another node was
-- first, and the transaction is done again.
CREATE FUNCTION expect_rows(p_got bigint, p_wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF p_got <> p_wanted THEN
		RAISE EXCEPTION 'lost a race' USING ERRCODE = 'MK006';
	END IF;
END
$$;

-- Ids for devices that are about to be written: the service draws numbers, and has no other right
-- on the sequence. Those that are not used are gaps.
CREATE FUNCTION device_ids_draw(p_count integer) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF p_count NOT BETWEEN 0 AND 4096 THEN
		RAISE EXCEPTION 'count out of range' USING ERRCODE = 'MK005';
	END IF;
	RETURN QUERY SELECT nextval('device_id_seq') FROM generate_series(1, p_count);
END
$$;
REVOKE ALL ON FUNCTION device_ids_draw(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION device_ids_draw(integer) TO moniker_service;
