# shellcheck shell=bash
# Sourced by needles.sh: collects all that was written, each sink into a folder of its own below $sinks.

sinks=$work/sinks
collect() { # NAME FILE...
	mkdir -p "$sinks/$1"
	cp -a "${@:2}" "$sinks/$1/"
}

collect_database() {
	super -c CHECKPOINT
	collect data "$pg/data"
	collect wal "$pg/data/pg_wal"
	collect server-log "$pg/server.log"
	mkdir "$sinks/dump"
	pg_dump -h "$pg" -U postgres -d moniker >"$sinks/dump/text"
	pg_dump -h "$pg" -U postgres -d moniker --inserts --rows-per-insert=1 >"$sinks/dump/inserts"
	pg_basebackup -h "$pg" -U postgres -D "$work/base" -c fast -X stream
	mv "$work/base" "$sinks/backup"
	chmod -R u+rwX "$sinks/backup"
}

collect_files() {
	collect service-log "$MONIKER_TEST_STATE/monikerd.log"
	collect audit "$MONIKER_AUDIT_DIR"
	collect keeper "$MONIKER_TEST_STATE/keeper"
	collect state "$MONIKER_TEST_STATE/service"
	collect witness "$work/w"
	cp "$work/w.log" "$sinks/witness/log"
}

collect_export() {
	local job
	job=$(call POST /v1/audit/exports auditor -H 'Content-Type: application/json' -d '{}' | jq -r .id)
	done_export() { [ "$(call GET "/v1/audit/exports/$job" auditor | jq -r .state)" = done ]; }
	within 60 "an export" done_export
	mkdir "$sinks/export"
	call GET "/v1/audit/exports/$job/result" auditor >"$work/export.tar"
	tar -xf "$work/export.tar" -C "$sinks/export"
	call DELETE "/v1/audit/exports/$job" auditor >/dev/null
}

collect_answers() {
	local url
	mkdir "$sinks/public" "$sinks/certificates" "$sinks/crls"
	call GET /metrics admin >"$sinks/public/metrics"
	every_leaf && cp "$work/leaves" "$sinks/public/leaves"
	call GET /v1/changes/snapshot verifier >"$sinks/public/snapshot"
	call GET /v1/changes verifier >"$sinks/public/changes"
	call GET /v1/trust-bundle nobody >"$sinks/public/bundle"
	call GET /v1/batches admin >"$sinks/public/batches"
	# Every answer of every flow, refusals among them; and the certificates as octets and as text.
	cp "$work"/*.json "$work"/*.answers "$sinks/certificates/"
	cp -r "$work/answers" "$sinks/certificates/answers"
	cat "$work"/*.answers "$work"/*.json "$work"/answers/* | jq -r '.body.certificate? // .certificate? // empty' >"$work/all.pem"
	"$here/needles.py" der "$work/all.pem" >"$sinks/certificates/der"
	[ "$(grep -c BEGIN "$work/all.pem")" -gt 500 ] || die "too few certificates"
	cp "$work/all.pem" "$sinks/certificates/pem"
	openssl storeutl -noout -text -certs "$work/all.pem" >"$sinks/certificates/text"
	grep -aoE 'http://[[:alnum:]:/._-]+\.crl' "$sinks/certificates/der" | sort -u >"$work/urls"
	while read -r url; do curl -sS --fail "$url" >"$sinks/crls/$(tr -c '[:alnum:]\n' _ <<<"$url")"; done <"$work/urls"
}
