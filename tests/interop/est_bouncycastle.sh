#!/usr/bin/env bash
# Bouncy Castle as an EST client (EstClient.java), on TLS 1.3 (the API's port) and on TLS 1.2
# (est_legacy_port): it waits to be asked for a token, enrolls, waits for a batch to open, renews, and on
# TLS 1.2 names the channel binding of its session. Of TLS 1.3 its version 1.72 knows none once the
# handshake is over.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/est.sh"
need javac default-jdk-headless
jars=/usr/share/java
for jar in bcprov bcpkix bcutil bctls; do
	[ -f "$jars/$jar.jar" ] || die "$jars/$jar.jar is missing: install the Debian package lib$jar-java"
done
classes=$work/classes:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar:$jars/bctls.jar
javac -cp "$classes" -d "$work/classes" "$(dirname "$0")/EstClient.java"

roots_of "$MONIKER_CACERT" >"$work/service-root.pem"
# client VERSION URL ARGUMENTS: what it prints, to $work/said.
client() {
	java -XX:TieredStopAtLevel=1 -Djava.util.logging.config.file=/dev/null -cp "$classes" EstClient "${2#https://}" "$work/service-root.pem" \
		"TLSv$1" "${@:3}" >"$work/said" 2>"$work/log" || { cat "$work/log" >&2; die "the client fails"; }
}
came_out() { # WHAT NAME: the certificate NAME.out is for NAME's key; it becomes NAME.pem
	mv "$work/$2.out" "$work/$2.pem"
	same "$1" "$(openssl pkey -in "$work/$2.key" -pubout)" "$(openssl x509 -in "$work/$2.pem" -noout -pubkey)"
}
basic() { printf 'user=mac48=%s\npassword=%s\n' "$(random_mac | tr -d :)" "$(mint '{"count": 1}')"; }

waits() {
	new_request late
	mapfile -t late <<<"$(basic)"
	client "$version" "$url" - enroll "$work/late.out" "${late[@]}" request-key="$work/late.key"
	came_out "TLS $version: enrolled once the batch was open" late
	grep -q '^put off$' "$work/said"
}

open_batch
for step in "1.3 $MONIKER_URL" "1.2 $MONIKER_EST_LEGACY_URL"; do
	read -r version url <<<"$step"
	for name in one pop next; do new_request "$name"; done
	mapfile -t token <<<"$(basic)"
	mapfile -t pop <<<"$(basic)"

	pops=(-- - enroll-pop "$work/lie.out" "${pop[@]}" request-key="$work/pop.key" binding=tls-unique lie=1
		-- - enroll-pop "$work/pop.out" "${pop[@]}" request-key="$work/pop.key" binding=tls-unique)
	[ "$version" = 1.2 ] || pops=()
	client "$version" "$url" - cacerts "$work/cacerts.out" -- "$batch" csrattrs "$work/csrattrs.out" \
		-- - enroll "$work/one.out" "${token[@]}" request-key="$work/one.key" \
		-- - enroll "$work/forged.out" user=x password=mk1.forged request-key="$work/next.key" \
		"${pops[@]}"
	wanted='done;done;done;refused: Simple Enroll: .* HTTP Status Code: 403'
	[ "$version" = 1.3 ] || wanted+=';refused: Simple Enroll: .* HTTP Status Code: 422;done'
	shows "TLS $version: what comes of each operation" "^$wanted\$" <(paste -sd';' "$work/said")
	same "TLS $version: cacerts" "subject=CN = Moniker Device CA;subject=CN = Moniker Device Root;subject=CN = Moniker Operations Root" \
		"$(subjects "$work/cacerts.out" | tr ';' '\n' | sort | paste -sd';')"
	same "TLS $version: csrattrs" "1.2.840.10045.2.1;1.2.840.10045.4.3.2" "$(sort "$work/csrattrs.out" | paste -sd';')"
	came_out "TLS $version: enrolled with a token, once asked for it" one
	put_off "TLS $version: an enrollment was put off" waits
	[ "$version" = 1.3 ] || came_out "TLS $version: enrolled with tls-unique in the request" pop
	[ ! -e "$work/lie.out" ] || die "another session's tls-unique was taken"

	age one 20
	client "$version" "$url" - reenroll "$work/next.out" certificate="$work/one.pem" key="$work/one.key" request-key="$work/next.key" \
		-- - reenroll "$work/early.out" certificate="$work/late.pem" key="$work/late.key" request-key="$work/pop.key"
	age one -20
	shows "TLS $version: renewal, when it is due" '^done;refused: Simple Enroll: .* HTTP Status Code: 409$' <(paste -sd';' "$work/said")
	came_out "TLS $version: renewed with a new key" next
	same "TLS $version: the subject stays" "$(openssl x509 -in "$work/one.pem" -noout -subject)" \
		"$(openssl x509 -in "$work/next.pem" -noout -subject)"
	openssl verify -x509_strict -purpose sslclient -CAfile <(roots_of "$MONIKER_TRUST") \
		-untrusted "$work/cacerts.out" "$work/next.pem" >"$work/text" || die "openssl does not verify it"
	ok "TLS $version: openssl verifies what came out"
done
