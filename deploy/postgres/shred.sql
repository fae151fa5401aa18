-- The shred keys' own cluster ([escrow] shred_url): run once in its database as a superuser, after
-- roles.sql and before `moniker migrate --shred-url`. With these two rights the owner's function
-- shred_flush() drops the write-ahead log that still has an erased key, at once. Without them the
-- log goes when the cluster recycles it; `moniker doctor` says how long that is.
GRANT pg_checkpoint TO moniker_owner;
GRANT EXECUTE ON FUNCTION pg_switch_wal() TO moniker_owner;
