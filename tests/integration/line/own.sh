# shellcheck shell=bash
# For a test that would disturb others: a service of its own, from the programs that MONIKER_TEST_BIN names, with what
# service_up.sh takes from the environment. It is stopped when the test ends, and a test whose service does not stop, or
# had something to say to a sanitizer, has failed. Beside what lib.sh has: $support and $fixture, the service's folder.
set -Eeuo pipefail
support=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../support" && pwd)
fixture=$(mktemp -d "/tmp/moniker-$(basename "$0" .sh)-XXXXXX")
chmod 755 "$fixture"
before_end() { :; } # a test that starts something besides defines it anew
end() {
	local status=$?
	before_end
	"$support/service_down.sh" "$fixture" || [ $status != 0 ] || status=1
	rm -rf "$fixture" "${work-}"
	exit $status
}
trap end EXIT
"$support/service_up.sh" "${MONIKER_TEST_BIN:?}" "$fixture"
export MONIKER_TEST_ENV=$fixture/env
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap end EXIT
