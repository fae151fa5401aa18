/*
 * Tags. A tag is a tenth of a millisecond of the keeper's work, and a message there and back half
 * as much again, so calls that come while others are under way travel together: one of them leads,
 * and when it is back, the oldest that waits leads next.
 */
#include <assert.h>
#include <semaphore.h>

#include "keeper/client_private.h"

#define TAGS_MAX 4096
#define LEADERS_MAX (CONTROL_STATELESS / 2) /* the other channels are for other requests */
#define TOGETHER_MAX 8                      /* tags of several calls: more would wait for all */

_Static_assert(TOGETHER_MAX <= WIRE_TAGS_MAX, "calls that travel together are one message");
_Static_assert(KEEPER_POINTS_MAX == WIRE_TAGS_MAX, "as many points as tags in one message");

struct tag_call {
	const struct bytes *messages;
	size_t count;
	struct tag_set *tags;
	struct tag_kids kids;
	struct error err; /* E_NONE: done */
	/* When it leads: itself, and who travels with it. Woken without: it is finished. */
	struct tag_call *party;
	sem_t woken;
	struct tag_call *next;
};

/* ---- messages ---- */

/* Of `count` messages; at least one key, and at most TAG_KEYS_MAX. */
static bool
take_tagged(const struct stateless *lane, struct bytes answer, size_t count, struct tag_set *out,
    struct tag_kids *out_kids, struct error *err)
{
	struct reader reader = reader_of(answer);

	out_kids->count = reader_u8(&reader);
	if (out_kids->count == 0 || out_kids->count > TAG_KEYS_MAX ||
	    reader.rest.len != out_kids->count * (1 + count * TAG_BYTES))
		return channel_malformed(lane->channels, err);
	for (size_t k = 0; k < out_kids->count; k++)
		out_kids->kids[k] = reader_u8(&reader);
	for (size_t i = 0; i < count; i++)
		memcpy(out[i].under, reader_bytes(&reader, out_kids->count * TAG_BYTES).data,
		    out_kids->count * TAG_BYTES);
	return true;
}

/* At most WIRE_TAGS_MAX of them. */
static bool
ask_tags(const struct stateless *lane, const struct bytes *messages, size_t count,
    struct tag_set *out_tags, struct tag_kids *out_kids, struct error *err)
{
	DEFER(buf_clear) struct buf body = {0};
	struct bytes answer;

	for (size_t i = 0; i < count; i++) {
		assert(messages[i].len > 0 && messages[i].len <= TAG_MESSAGE_MAX);
		buf_append_u8(&body, (uint8_t)messages[i].len);
		buf_append(&body, messages[i]);
	}
	return stateless_ask(lane, WIRE_TAGS, buf_bytes(&body), WIRE_TAGGED, &answer, err) &&
	       take_tagged(lane, answer, count, out_tags, out_kids, err);
}

/* All on one channel, hence by one keeper process: the key cannot change in between. */
static bool
ask_all(struct keeper_client *client, const struct bytes *messages, size_t count,
    struct tag_set *out_tags, struct tag_kids *out_kids, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};

	if (!stateless_acquire(client, &lane, err))
		return false;
	for (size_t done = 0; done < count; done += WIRE_TAGS_MAX) {
		const size_t left = count - done;

		if (!ask_tags(&lane, messages + done, left < WIRE_TAGS_MAX ? left : WIRE_TAGS_MAX,
			out_tags + done, out_kids, err))
			return false;
	}
	return true;
}

/* ---- calls that travel together ---- */

/* Makes the head of the queue a leader; its party is it, and behind it what still fits. */
static struct tag_call *
send_off_locked(struct tag_queue *queue)
{
	struct tag_call *leader = queue->head, *last = leader;
	size_t count = leader->count;

	while (last->next != NULL && count + last->next->count <= TOGETHER_MAX) {
		last = last->next;
		count += last->count;
	}
	queue->head = last->next;
	if (queue->head == NULL)
		queue->tail = &queue->head;
	last->next = NULL;
	leader->party = leader;
	return leader;
}

static void
run_party(struct keeper_client *client, struct tag_call *party)
{
	struct bytes messages[TOGETHER_MAX];
	struct tag_set tags[TOGETHER_MAX];
	struct tag_kids kids = {0};
	struct error err = {0};
	size_t count = 0;

	for (const struct tag_call *call = party; call != NULL; call = call->next)
		for (size_t i = 0; i < call->count; i++)
			messages[count++] = call->messages[i];
	(void)!ask_all(client, messages, count, tags, &kids, &err);
	count = 0;
	for (struct tag_call *call = party; call != NULL; call = call->next) {
		memcpy(call->tags, &tags[count], call->count * sizeof(*tags));
		count += call->count;
		call->kids = kids;
		call->err = err;
	}
}

/* From here on nobody but its owner may touch a call that is woken. */
static void
wake(struct tag_call *call)
{
	(void)sem_post(&call->woken);
}

static void
lead(struct keeper_client *client, struct tag_queue *queue, struct tag_call *self)
{
	struct tag_call *next_leader = NULL, *next;

	run_party(client, self);
	(void)pthread_mutex_lock(&queue->lock);
	if (queue->head != NULL)
		next_leader = send_off_locked(queue);
	else
		queue->leaders--;
	(void)pthread_mutex_unlock(&queue->lock);
	if (next_leader != NULL)
		wake(next_leader);
	for (struct tag_call *call = self->next; call != NULL; call = next) {
		next = call->next;
		wake(call);
	}
}

static void
sleep_until_woken(struct tag_call *call)
{
	while (sem_wait(&call->woken) != 0)
		continue; /* EINTR */
}

static bool
tag_together(struct keeper_client *client, struct tag_call *call, struct error *err)
{
	struct tag_queue *queue = client_tag_queue(client);
	bool leads;

	(void)sem_init(&call->woken, 0, 0);
	(void)pthread_mutex_lock(&queue->lock);
	*queue->tail = call;
	queue->tail = &call->next;
	/* Calls wait only when there are leaders enough, so with fewer this one is the head. */
	if (queue->leaders < LEADERS_MAX) {
		queue->leaders++;
		(void)send_off_locked(queue);
	}
	leads = call->party != NULL;
	(void)pthread_mutex_unlock(&queue->lock);
	if (!leads)
		sleep_until_woken(call);
	if (call->party != NULL)
		lead(client, queue, call);
	(void)sem_destroy(&call->woken);
	if (call->err.code != E_NONE)
		*err = call->err;
	return call->err.code == E_NONE;
}

bool
keeper_tags(struct keeper_client *client, const struct bytes *messages, size_t count,
    struct tag_set *out_tags, struct tag_kids *out_kids, struct error *err)
{
	struct tag_call call = {.messages = messages, .count = count, .tags = out_tags};

	assert(count > 0 && count <= TAGS_MAX);
	if (count > TOGETHER_MAX)
		return ask_all(client, messages, count, out_tags, out_kids, err);
	if (!tag_together(client, &call, err))
		return false;
	*out_kids = call.kids;
	return true;
}

/* ---- points and tags from outside ---- */

bool
keeper_evaluate(struct keeper_client *client, const uint8_t (*points)[TAG_BYTES], size_t count,
    uint8_t (*out)[TAG_BYTES], uint8_t *out_kid, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	struct bytes answer;

	assert(count > 0 && count <= KEEPER_POINTS_MAX);
	if (!stateless_acquire(client, &lane, err) ||
	    !stateless_ask(&lane, WIRE_EVALUATE, bytes_of(points, count * TAG_BYTES), WIRE_TAGGED,
		&answer, err))
		return false;
	if (answer.len != 2 + count * TAG_BYTES || answer.data[0] != 1)
		return channel_malformed(lane.channels, err);
	*out_kid = answer.data[1];
	memcpy(out, answer.data + 2, count * TAG_BYTES);
	return true;
}

bool
keeper_retag(struct keeper_client *client, uint8_t kid, const uint8_t (*tags)[TAG_BYTES],
    size_t count, struct tag_set *out_tags, struct tag_kids *out_kids, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	DEFER(buf_clear_public) struct buf body = {0};
	struct bytes answer;

	assert(count > 0 && count <= KEEPER_POINTS_MAX);
	buf_append_u8(&body, kid);
	buf_append(&body, bytes_of(tags, count * TAG_BYTES));
	return stateless_acquire(client, &lane, err) &&
	       stateless_ask(&lane, WIRE_RETAG, buf_bytes(&body), WIRE_TAGGED, &answer, err) &&
	       take_tagged(&lane, answer, count, out_tags, out_kids, err);
}
