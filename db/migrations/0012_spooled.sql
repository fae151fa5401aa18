-- A revocation that was spooled while nothing could be recorded (provisioning/spool.h) may be
-- refused when it is: whoever was told that it is spooled can ask what became of it, and it is
-- recorded once, as those that are applied.
ALTER TABLE status_request DROP CONSTRAINT status_request_state_check,
	ADD CHECK (state IN ('applied', 'refused'));
