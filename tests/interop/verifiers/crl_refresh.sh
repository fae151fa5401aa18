#!/usr/bin/env bash
# deploy/verifiers/crl-refresh against an address that answers what it likes, which plain HTTP allows anybody to do.
. "$(dirname "$0")/lib.sh"
need python3 python3

# An authority of our own, with two shards, and a stranger of the same name.
authority() { # NAME
	local at=$work/$1
	mkdir "$at"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=Test CA' \
		-addext keyUsage=critical,cRLSign,keyCertSign -keyout "$at/key" -out "$at/pem" 2>/dev/null
	touch "$at/index"
	cat >"$at/conf" <<-CONF
		[ca]
		default_ca = one
		[one]
		database = $at/index
		crlnumber = $at/number
		default_md = sha256
		[whole]
		crlNumber = 1
		[shard0]
		issuingDistributionPoint = critical, @point0
		[point0]
		fullname = URI:http://localhost/crl/ISSUER/0000.crl
		[shard1]
		issuingDistributionPoint = critical, @point1
		[point1]
		fullname = URI:http://localhost/crl/ISSUER/0001.crl
		[delta]
		issuingDistributionPoint = critical, @point0
		2.5.29.27 = critical, ASN1:INTEGER:1
	CONF
}
issuer_of() { openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-16; }
# crl AUTHORITY NUMBER FORM [options]: DER, to standard output.
crl() {
	local at=$work/$1
	echo "$2" >"$at/number"
	openssl ca -gencrl -config "$at/conf" -keyfile "$at/key" -cert "$at/pem" -crlexts "$3" -crldays 1 "${@:4}" 2>/dev/null |
		openssl crl -outform DER
}
number_at_hand() { # SHARD
	openssl crl -in "$etc/crl.pem.d/$issuer-000$1.pem" -noout -crlnumber | cut -d= -f2
}
refresh() { "$verifiers/crl-refresh" "$etc/trust.pem" "http://127.0.0.1:$port" "$etc/crl.pem" "$@"; }
# keeps WHAT WHY: it is refused, and both the file and the number at hand are as they were.
keeps() {
	refuses "$1" "$2" refresh
	same "$1: the file is as it was" "$before" "$(sha256sum <"$etc/crl.pem")"
}

authority ours
authority stranger
issuer=$(issuer_of "$work/ours/pem")
sed -i "s/ISSUER/$issuer/" "$work/ours/conf" "$work/stranger/conf"
cp "$work/ours/pem" "$etc/trust.pem"
at=$work/www/crl/$issuer
mkdir -p "$at"
port=$(free_port)
python3 -m http.server --bind 127.0.0.1 --directory "$work/www" "$port" >"$work/www.log" 2>&1 &
was_started $!
within 30 listens "$port" || die "no web server"

refuses "no CRL at all is a failure" 'has no CRL of it' refresh
crl ours 0FFF shard0 >"$at/0000.crl"
crl ours 10 shard1 >"$at/0001.crl"
refuses "a server that cannot be told is a failure" 'false failed' refresh false
accepts "and is told the next time" refresh touch "$work/told"
[ -e "$work/told" ] || die "it was not told"
rm "$work/told"
same "the file has all shards" 2 "$(grep -c 'BEGIN X509 CRL' "$etc/crl.pem")"
accepts "what has not changed" refresh touch "$work/told"
[ ! -e "$work/told" ] || die "it was told for nothing"
ok "is nothing to tell"

before=$(sha256sum <"$etc/crl.pem")
crl ours 0FFE shard0 >"$at/0000.crl"
keeps "a smaller number is refused" 'older than the one at hand'
crl stranger 2000 shard0 >"$at/0000.crl"
keeps "another key of the same name is refused" 'not signed by its CA'
crl ours 2000 shard1 >"$at/0000.crl"
keeps "another shard's is refused" 'of another shard'
crl ours 2000 delta >"$at/0000.crl"
keeps "a delta is refused" 'of another shard'
crl ours 2000 shard0 -crl_lastupdate 260101000000Z -crl_nextupdate 260102000000Z >"$at/0000.crl"
keeps "one whose time is over is refused" 'its time is over'
crl ours 2000 shard0 | head -c 150 >"$at/0000.crl"
keeps "one that was cut short is refused" 'is no CRL'
echo nonsense >"$at/0000.crl"
keeps "nonsense is refused" 'is no CRL'
mv "$at/0000.crl" "$work/away"
mkdir "$at/0000.crl"
keeps "a redirection is not followed" 'status 301'
rmdir "$at/0000.crl"
keeps "a CRL that is gone stays at hand" 'has no CRL of it'
mv "$work/away" "$at/0000.crl"
mv "$at/0001.crl" "$work/away"
crl ours 0FFF shard0 >"$at/0000.crl"
refuses "fewer shards than before are a failure" 'has only 1 CRLs of it' refresh
same "and the last ones stay" 2 "$(grep -c 'BEGIN X509 CRL' "$etc/crl.pem")"

crl stranger 2000 shard0 >"$at/0000.crl"
crl ours 11 shard1 >"$at/0001.crl"
refuses "one bad CRL fails" 'not signed by its CA' refresh touch "$work/told"
same "and does not hold the others up" "0x0FFF 0x11" "$(number_at_hand 0) $(number_at_hand 1)"
[ -e "$work/told" ] || die "it was not told"
crl ours 1000 shard0 >"$at/0000.crl"
accepts "a longer number is a higher one" refresh
same "and is taken" 0x1000 "$(number_at_hand 0)"
kill "${started# }"
within 30 ended "${started# }" || die "the web server does not end"
before=$(sha256sum <"$etc/crl.pem")
keeps "nobody there is a failure" 'status 000'
