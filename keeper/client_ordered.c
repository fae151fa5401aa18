#include <assert.h>

#include "keeper/check.h"
#include "keeper/client_private.h"

bool
keeper_hello(struct keeper_client *client, struct keeper_state *out, struct error *err)
{
	DEFER(channels_release) struct channels *channels = NULL;
	struct keeper_state state = {0};
	struct bytes body;
	struct reader reader;

	if (!channels_acquire(client, &channels, err) ||
	    !channel_send(
		channels, channels_ordered_fd(channels), WIRE_HELLO, (struct bytes){0}, err) ||
	    !channel_receive(channels, channels_ordered_fd(channels), channels_ordered_in(channels),
		WIRE_STATE, &body, err))
		return false;
	reader = reader_of(body);
	state.checkpoint.size = reader_u64(&reader);
	reader_copy(&reader, state.checkpoint.root, sizeof(state.checkpoint.root));
	reader_copy(&reader, state.log_public_key, sizeof(state.log_public_key));
	if (!reader.ok || reader.rest.len == 0 || reader.rest.len > CHECKPOINT_ORIGIN_MAX)
		return channel_malformed(channels, err);
	reader_copy(&reader, state.checkpoint.origin, reader.rest.len);
	*out = state;
	return true;
}

/* ---- append ---- */

static struct wire_entry
entry_of(const struct keeper_entry *entry)
{
	assert(entry->tbs.len == 0 || entry->nonce != NULL);
	return (struct wire_entry){
	    .leaf = entry->leaf, .tbs = entry->tbs, .nonce = entry->nonce, .issuer = entry->issuer};
}

/* As few messages as their bound allows. */
static bool
send_records(
    struct channels *channels, const struct keeper_entry *entries, size_t count, struct error *err)
{
	DEFER(buf_clear_public) struct buf body = {0};
	int fd = channels_ordered_fd(channels);

	for (size_t i = 0; i < count; i++) {
		struct wire_entry entry = entry_of(&entries[i]);

		if (body.len + wire_entry_len(&entry) > WIRE_BODY_MAX) {
			if (!channel_send(channels, fd, WIRE_APPEND_RECORDS, buf_bytes(&body), err))
				return false;
			buf_truncate(&body, 0);
		}
		wire_entry_encode(&entry, &body);
	}
	return channel_send(channels, fd, WIRE_APPEND_RECORDS, buf_bytes(&body), err);
}

bool
keeper_append_send(struct keeper_client *client, uint64_t first_seq,
    const struct keeper_entry *entries, size_t count, struct error *err)
{
	DEFER(channels_release) struct channels *channels = NULL;
	DEFER(buf_clear_public) struct buf begin = {0};
	bool pushed;
	int fd;

	assert(count > 0 && count <= KEEPER_APPEND_MAX);
	if (!channels_acquire(client, &channels, err))
		return false;
	fd = channels_ordered_fd(channels);
	buf_append_u64(&begin, first_seq);
	buf_append_u32(&begin, (uint32_t)count);
	if (!channel_send(channels, fd, WIRE_APPEND_BEGIN, buf_bytes(&begin), err) ||
	    !send_records(channels, entries, count, err) ||
	    !channel_send(channels, fd, WIRE_APPEND_END, (struct bytes){0}, err))
		return false;
	pushed = flight_push(client, channels_generation(channels), count);
	assert(pushed); /* at most KEEPER_IN_FLIGHT_MAX appends are in flight */
	return true;
}

static void
signed_of(const struct wire_result *result, struct keeper_signed *out)
{
	size_t len = result->octets.len;

	*out = (struct keeper_signed){.refused = result->kind == WIRE_RESULT_REFUSED};
	if (result->kind == WIRE_RESULT_SIGNED) {
		memcpy(out->signature, result->octets.data, len);
		out->signature_len = len;
	} else {
		memcpy(out->why, result->octets.data, len);
	}
}
_Static_assert(sizeof(((struct keeper_signed *)0)->why) > WIRE_RESULT_MAX, "why ends with a NUL");

/* Exactly `count` results, in one or more messages. */
static bool
receive_results(
    struct channels *channels, struct keeper_signed *results, size_t count, struct error *err)
{
	size_t done = 0;

	while (done < count) {
		struct reader reader;
		struct bytes body;
		struct wire_result result;

		if (!channel_receive(channels, channels_ordered_fd(channels),
			channels_ordered_in(channels), WIRE_RESULTS, &body, err))
			return false;
		reader = reader_of(body);
		do {
			wire_result_take(&reader, &result);
			if (!reader.ok || done == count)
				return channel_malformed(channels, err);
			signed_of(&result, &results[done++]);
		} while (reader.rest.len > 0);
	}
	return true;
}

static bool
receive_checkpoint(struct channels *channels, struct buf *out, struct error *err)
{
	struct bytes note;

	if (!channel_receive(channels, channels_ordered_fd(channels), channels_ordered_in(channels),
		WIRE_APPENDED, &note, err))
		return false;
	buf_append(out, note);
	return true;
}

bool
keeper_append_receive(struct keeper_client *client, struct keeper_signed *results, size_t count,
    struct buf *out_checkpoint, struct error *err)
{
	DEFER(channels_release) struct channels *channels = NULL;
	uint64_t generation = 0;
	size_t sent_count = 0;

	if (!flight_pop(client, &generation, &sent_count))
		return error_set(err, E_KEEPER_UNAVAILABLE, "no append is in flight");
	assert(sent_count == count);
	if (!channels_acquire(client, &channels, err))
		return false;
	if (channels_generation(channels) != generation)
		return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper was restarted");
	return receive_results(channels, results, count, err) &&
	       receive_checkpoint(channels, out_checkpoint, err);
}

/* ---- the others ---- */

bool
keeper_sign_recorded(struct keeper_client *client, uint64_t seq, const struct keeper_entry *entry,
    struct keeper_signed *out, struct error *err)
{
	DEFER(channels_release) struct channels *channels = NULL;
	DEFER(buf_clear_public) struct buf body = {0};
	struct wire_entry wire = entry_of(entry);

	wire.leaf = (struct bytes){0}; /* the keeper reads its own */
	buf_append_u64(&body, seq);
	wire_entry_encode(&wire, &body);
	return channels_acquire(client, &channels, err) &&
	       channel_send(channels, channels_ordered_fd(channels), WIRE_SIGN_RECORDED,
		   buf_bytes(&body), err) &&
	       receive_results(channels, out, 1, err);
}

bool
keeper_checkpoint(struct keeper_client *client, struct buf *out_checkpoint, struct error *err)
{
	DEFER(channels_release) struct channels *channels = NULL;

	return channels_acquire(client, &channels, err) &&
	       channel_send(channels, channels_ordered_fd(channels), WIRE_CHECKPOINT,
		   (struct bytes){0}, err) &&
	       receive_checkpoint(channels, out_checkpoint, err);
}
