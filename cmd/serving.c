#include "cmd/serving.h"

bool
serving_new(const struct app *app, const struct settings *settings, struct tls_identity *tls,
    struct server **out, struct error *err)
{
	return server_new(app,
	    &(struct server_options){.address = settings->address,
		.tls_port = (int)settings->port,
		.http_port = (int)settings->http_port,
		.est_legacy_port = (int)settings->est_legacy_port,
		.loop_count = (int)settings->loops,
		.worker_count = (int)settings->workers,
		.connections_max = (int)settings->connections_max,
		.connections_per_address_max = (int)settings->connections_per_address_max,
		.metrics_local = settings->metrics_local,
		.stream_ms = (int)settings->stream_s * 1000,
		.tls_certificate_pem = buf_text(&tls->certificate_pem),
		.tls_key_pem = buf_text(&tls->key_pem)},
	    out, err);
}
