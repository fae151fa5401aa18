#include "keeper/lane.h"

#include <sys/socket.h>

#include "base/log.h"
#include "keeper/client.h"
#include "proof/status_note.h"

#define ENTRY_MIN 4 /* octets of an entry without leaf and TBS */
#define ENTRY_MAX (4 + CHECK_TBS_MAX + COMMITMENT_NONCE_BYTES + ISSUER_ID_BYTES)
#define TOKEN_BYTES (TOKEN_HEAD_BYTES + TOKEN_MAC_BYTES)

struct request {
	enum wire_type type;
	const char *name;
	enum lane_kind lane;
	enum lane_state state; /* in which it may come */
	size_t body_min, body_max;
	lane_handler handler;
};

/* clang-format off */
static const struct request REQUESTS[] = {
	/* type              name             lane            state           body octets                             handler */
	{WIRE_HELLO,         "hello",         LANE_ORDERED,   LANE_IDLE,      0, 0,                                   lane_hello},
	{WIRE_APPEND_BEGIN,  "append begin",  LANE_ORDERED,   LANE_IDLE,      12, 12,                                 lane_append_begin},
	{WIRE_APPEND_RECORDS, "append records", LANE_ORDERED, LANE_IN_APPEND, ENTRY_MIN, WIRE_BODY_MAX,               lane_append_records},
	{WIRE_APPEND_END,    "append end",    LANE_ORDERED,   LANE_IN_APPEND, 0, 0,                                   lane_append_end},
	{WIRE_SIGN_RECORDED, "sign recorded", LANE_ORDERED,   LANE_IDLE,      8 + ENTRY_MIN, 8 + ENTRY_MAX,           lane_sign_recorded},
	{WIRE_CHECKPOINT,    "checkpoint",    LANE_ORDERED,   LANE_IDLE,      0, 0,                                   lane_checkpoint},
	{WIRE_TAGS,          "tags",          LANE_STATELESS, LANE_IDLE,      2, (size_t)WIRE_TAGS_MAX * (1 + TAG_MESSAGE_MAX), lane_tags},
	{WIRE_RETAG,         "retag",         LANE_STATELESS, LANE_IDLE,      1 + TAG_BYTES, 1 + (size_t)WIRE_TAGS_MAX * TAG_BYTES, lane_retag},
	{WIRE_EVALUATE,      "evaluate",      LANE_STATELESS, LANE_IDLE,      TAG_BYTES, (size_t)WIRE_TAGS_MAX * TAG_BYTES, lane_evaluate},
	{WIRE_TOKEN_KID,     "token kid",     LANE_STATELESS, LANE_IDLE,      0, 0,                                   lane_token_kid},
	{WIRE_TOKEN_MACS,    "token MACs",    LANE_STATELESS, LANE_IDLE,      TOKEN_HEAD_BYTES, (size_t)WIRE_TOKENS_MAX * TOKEN_HEAD_BYTES, lane_token_macs},
	{WIRE_TOKEN_CHECK,   "token check",   LANE_STATELESS, LANE_IDLE,      TOKEN_BYTES, TOKEN_BYTES,               lane_token_check},
	{WIRE_LINK,          "link",          LANE_STATELESS, LANE_IDLE,      WIRE_LINK_MIN, WIRE_LINK_MAX,           lane_link},
	{WIRE_CRL_BEGIN,     "CRL begin",     LANE_STATELESS, LANE_IDLE,      ISSUER_ID_BYTES + 2, WIRE_BODY_MAX,     lane_crl_begin},
	{WIRE_CRL_ENTRIES,   "CRL entries",   LANE_STATELESS, LANE_IN_CRL,    1, KEEPER_CRL_CHUNK_MAX,                lane_crl_entries},
	{WIRE_STATUS_SIGN,   "status sign",   LANE_STATELESS, LANE_IDLE,      0, STATUS_TEXT_MAX,                     lane_status_sign},
	{WIRE_CRL_END,       "CRL end",       LANE_STATELESS, LANE_IN_CRL,    0, WIRE_BODY_MAX,                       lane_crl_end},
};
/* clang-format on */

static const struct request *
request_find(uint8_t type, enum lane_kind lane)
{
	for (size_t i = 0; i < COUNT(REQUESTS); i++)
		if (REQUESTS[i].type == (enum wire_type)type && REQUESTS[i].lane == lane)
			return &REQUESTS[i];
	return NULL;
}

static bool
dispatch(struct lane *lane, const struct wire_message *message, struct error *err)
{
	const struct request *request = request_find(message->type, lane->kind);

	if (request == NULL)
		return error_set(err, E_BAD_SYNTAX, "no request %u on this lane", message->type);
	if (request->state != lane->state)
		return error_set(err, E_BAD_SYNTAX, "%s: out of place", request->name);
	if (message->body.len < request->body_min || message->body.len > request->body_max)
		return error_set(
		    err, E_BAD_SYNTAX, "%s: %zu octets", request->name, message->body.len);
	return request->handler(lane, message->body, err);
}

/* Whether the channel goes on after this failure. */
static bool
refuse(struct lane *lane, const struct error *why)
{
	struct error ignored = {0};

	if (why->code == E_KEEPER_UNAVAILABLE)
		return false;
	log_error(LOG_LEVEL_WARNING, "keeper.refused", NULL, why);
	buf_truncate(&lane->out, 0);
	wire_refusal_encode(why, &lane->out);
	return lane_answer(lane, WIRE_REFUSED, &ignored) && why->code != E_BAD_SYNTAX;
}

static bool
serve_one(struct lane *lane)
{
	struct wire_message message = {0};
	struct error err = {0};
	bool closed = false;

	if (!wire_receive(lane->fd, &lane->in, &message, &closed, &err))
		return refuse(lane, &err);
	if (closed || *lane->stopping)
		return false;
	return dispatch(lane, &message, &err) ? true : refuse(lane, &err);
}

void
lane_run(struct lane *lane)
{
	while (serve_one(lane))
		continue;
	(void)shutdown(lane->fd, SHUT_RDWR);
}

void
lane_clear(struct lane *lane)
{
	buf_clear(&lane->append.entries);
	buf_clear(&lane->in);
	buf_clear(&lane->out);
}

bool
lane_answer(struct lane *lane, enum wire_type type, struct error *err)
{
	bool sent = wire_send(lane->fd, type, buf_bytes(&lane->out), err);

	buf_truncate(&lane->out, 0);
	return sent;
}

const struct signer *
lane_signer(const struct keeper_core *core, const uint8_t id[static ISSUER_ID_BYTES])
{
	for (size_t i = 0; i < core->signer_count; i++)
		if (memcmp(core->signers[i].issuer->id, id, ISSUER_ID_BYTES) == 0)
			return &core->signers[i];
	return NULL;
}

bool
lane_may_sign(const struct keeper_core *core, struct error *err)
{
	if (core->damaged)
		return error_set(
		    err, E_KEEPER_REFUSED, "the journal is damaged: nothing is signed");
	return true;
}
