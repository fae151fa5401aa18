#!/bin/sh -eu
# run.sh PROGRAM: runs a test program with the variables of the service that MONIKER_TEST_ENV describes.
. "${MONIKER_TEST_ENV:?MONIKER_TEST_ENV names the environment file of a running service}"
export MONIKER_TEST_STATE
exec "$@"
