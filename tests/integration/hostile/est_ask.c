#include "tests/integration/hostile/est_ask.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/ca/request.h"

int
est_port(const struct world *world, const struct ask *ask)
{
	return ask->legacy
		   ? (int)strtol(strrchr(world_env("MONIKER_EST_LEGACY_URL"), ':') + 1, NULL, 10)
		   : world->tls_port;
}

void
est_connect(const struct world *world, const struct ask *ask, struct raw *out)
{
	SSL_CTX *context = ask->context != NULL ? ask->context : world->contexts[ask->who];

	if (!raw_connect(out, est_port(world, ask), 0) || !raw_handshake(out, context))
		fail_msg("no connection: %s", raw_end_name(out->end));
}

void
est_send(const struct world *world, struct raw *raw, const struct ask *ask, struct raw_answer *out)
{
	DEFER(buf_clear_public) struct buf request = {0};

	buf_append_format(&request,
	    "POST /.well-known/est/%s/%s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n",
	    world->batch, ask->operation != NULL ? ask->operation : "simpleenroll");
	if (ask->authorization != NULL)
		buf_append_format(&request, "Authorization: %s\r\n", ask->authorization);
	buf_append_format(&request, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
	    ask->type != NULL ? ask->type : "application/pkcs10", ask->body.len);
	buf_append(&request, ask->body);
	(void)raw_send(raw, buf_bytes(&request));
	if (!raw_answer(raw, false, out))
		*out = (struct raw_answer){0};
}

void
judge_est(
    struct world *world, const char *claim, const struct ask *ask, const struct refusal *wanted)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;
	struct recorded before;

	recorded_read(world, wanted->event, wanted->code, &before);
	est_connect(world, ask, &raw);
	est_send(world, &raw, ask, &answer);
	judge_problem(world, claim, &answer, wanted);
	judge_recorded(
	    world, claim, wanted->event, wanted->code, &before, wanted->event != NULL ? 1 : 0);
	judge_state(world, claim);
	judge_service(world, claim);
}

void
judge_est_enrolled(struct world *world, const char *claim, const struct ask *ask)
{
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;

	est_connect(world, ask, &raw);
	est_send(world, &raw, ask, &answer);
	JUDGE(world, claim, answer.status == 200, "status %d: %.*s", answer.status,
	    (int)answer.body.len, (const char *)answer.body.data);
	state_remember(world);
}

void
est_basic(const char *user, const char *password, struct buf *out)
{
	DEFER(buf_clear_public) struct buf plain = {0};

	buf_append_format(&plain, "%s:%s", user, password);
	buf_truncate(out, 0);
	buf_append_text(out, "Basic ");
	base64_encode(out, buf_bytes(&plain));
	(void)buf_text(out);
}

void
est_of_station(struct buf *out)
{
	char mac[18], user[32];

	mac_new(mac);
	(void)snprintf(user, sizeof user, "mac48=%s", mac);
	est_basic(user, "", out);
}

void
est_request(struct buf *out)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();

	request_make(key, EVP_sha256(), out);
}
