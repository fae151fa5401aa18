-- Escrow audits: a disclosure that names no pseudonym, since the log draws the records.
ALTER TABLE disclosure DROP CONSTRAINT disclosure_pseudonyms_check;
ALTER TABLE disclosure ADD CHECK (cardinality(pseudonyms) BETWEEN 0 AND 10);
