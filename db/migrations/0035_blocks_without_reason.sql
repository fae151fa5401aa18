-- What ends at a tick ends without a reason (docs/decisions/0044), so none is kept beside a block either: the device's
-- leaf has it.
ALTER TABLE pseudonym_block DROP COLUMN reason;
