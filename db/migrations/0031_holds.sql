-- Holds by the API: who placed and who released one, as the leaves say; null of those before. The service
-- places and releases, and changes nothing else of a hold.
ALTER TABLE legal_hold ADD COLUMN placed_by text, ADD COLUMN released_by text;
GRANT INSERT (name, log, placed_at_s, placed_by), UPDATE (released_at_s, released_by) ON legal_hold TO moniker_service;
