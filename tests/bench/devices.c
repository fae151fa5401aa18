#include "tests/bench/devices.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define CONNECTIONS 4

static void
take_certificate(void *context, size_t call, const char *text)
{
	static const char MEMBER[] = "\"certificate\":\"";
	struct devices *devices = context;
	const char *from = strstr(text, MEMBER);

	if (from == NULL)
		die("an enrollment's answer has no certificate");
	from += sizeof MEMBER - 1;
	buf_append(&devices->all[call].certificate, bytes_of(from, strcspn(from, "\"")));
}

void
devices_enroll(const struct target *target, size_t count, struct devices *out)
{
	const size_t whole = (count + CONNECTIONS - 1) / CONNECTIONS * CONNECTIONS;
	struct buf *requests = xcalloc(whole, sizeof *requests);
	DEFER(load_result_clear) struct load_result result = {0};
	SSL_CTX *station = target_tls("station");

	*out = (struct devices){.all = xcalloc(whole, sizeof *out->all), .count = whole};
	for (size_t i = 0; i < whole; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		out->all[i].key = EVP_EC_gen("P-256");
		enrollment_put(target->batch, out->all[i].key, &body);
		request_put("/v1/enrollments", "application/json", buf_bytes(&body), &requests[i]);
	}
	load_run(
	    &(struct load){
		.target = target,
		.tls = station,
		.connections = CONNECTIONS,
		.each = whole / CONNECTIONS,
		.requests = requests,
		.request_count = whole,
		.status = "201",
		.answered = take_certificate,
		.context = out,
	    },
	    &result);
	if (result.good != whole)
		die("%zu of %zu devices were enrolled", result.good, whole);
	requests_free(requests, whole);
	SSL_CTX_free(station);
}

void
devices_clear(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		EVP_PKEY_free(devices->all[i].key);
		buf_clear_public(&devices->all[i].certificate);
	}
	free(devices->all);
}

void
device_pem(const struct device *device, struct buf *out)
{
	const struct bytes text = buf_bytes(&device->certificate);

	for (size_t i = 0; i < text.len; i++) {
		const bool is_break =
		    text.data[i] == '\\' && i + 1 < text.len && text.data[i + 1] == 'n';

		buf_append_u8(out, is_break ? '\n' : text.data[i]);
		i += is_break;
	}
}
