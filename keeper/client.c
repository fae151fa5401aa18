#include "keeper/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/client_private.h"

struct channels {
	struct keeper_client *client; /* whose lock guards references, busy and dead */
	uint64_t generation;
	unsigned references;
	bool dead;
	int fds[CONTROL_CHANNELS];
	struct buf in[CONTROL_CHANNELS]; /* of whoever uses the channel */
	bool busy[CONTROL_STATELESS];
};

struct flight {
	uint64_t generation;
	size_t count;
};

struct keeper_client {
	pthread_mutex_t lock;
	pthread_cond_t changed;    /* a stateless channel became free, or a set dead or replaced */
	struct channels *attached; /* or NULL; one reference is its own */
	uint64_t generation;
	int answer_max_ms;
	struct flight flights[KEEPER_IN_FLIGHT_MAX];
	size_t flight_first, flight_count;
	struct tag_queue tags;
};

static void
lock(struct keeper_client *client)
{
	(void)pthread_mutex_lock(&client->lock);
}

static void
unlock(struct keeper_client *client)
{
	(void)pthread_mutex_unlock(&client->lock);
}

struct keeper_client *
keeper_client_new(void)
{
	struct keeper_client *client = xcalloc(1, sizeof(*client));

	(void)pthread_mutex_init(&client->lock, NULL);
	(void)pthread_cond_init(&client->changed, NULL);
	(void)pthread_mutex_init(&client->tags.lock, NULL);
	client->tags.tail = &client->tags.head;
	client->answer_max_ms = KEEPER_ANSWER_MAX_MS;
	return client;
}

/* ---- sets of channels ---- */

static void
release_locked(struct channels *channels)
{
	if (--channels->references > 0)
		return;
	for (size_t i = 0; i < CONTROL_CHANNELS; i++) {
		(void)close(channels->fds[i]);
		buf_clear(&channels->in[i]);
	}
	mem_free(channels);
}

static void
fail_locked(struct channels *channels)
{
	channels->dead = true;
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		(void)shutdown(channels->fds[i], SHUT_RDWR);
	(void)pthread_cond_broadcast(&channels->client->changed);
}

static void
detach_locked(struct keeper_client *client)
{
	if (client->attached == NULL)
		return;
	fail_locked(client->attached);
	release_locked(TAKE(client->attached));
}

void
keeper_client_free(struct keeper_client *client)
{
	if (client == NULL)
		return;
	detach_locked(client);
	(void)pthread_mutex_destroy(&client->tags.lock);
	(void)pthread_cond_destroy(&client->changed);
	(void)pthread_mutex_destroy(&client->lock);
	mem_free(client);
}

void
keeper_client_limit(struct keeper_client *client, int answer_max_ms)
{
	lock(client);
	client->answer_max_ms = answer_max_ms;
	unlock(client);
}

/* Somebody waits for an answer only after a request: a receive that takes too long is a failure. */
static void
limit_answers(const struct keeper_client *client, int fd)
{
	const struct timeval limit = {.tv_sec = client->answer_max_ms / 1000,
	    .tv_usec = (suseconds_t)(client->answer_max_ms % 1000) * 1000};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

void
keeper_client_attach(struct keeper_client *client, const int fds[static CONTROL_CHANNELS])
{
	struct channels *channels = xcalloc(1, sizeof(*channels));

	channels->client = client;
	channels->references = 1;
	memcpy(channels->fds, fds, sizeof(channels->fds));
	lock(client);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		limit_answers(client, fds[i]);
	detach_locked(client);
	channels->generation = ++client->generation;
	client->attached = channels;
	(void)pthread_cond_broadcast(&client->changed);
	unlock(client);
}

uint64_t
keeper_client_generation(struct keeper_client *client, bool *out_alive)
{
	uint64_t generation;

	lock(client);
	generation = client->generation;
	*out_alive = client->attached != NULL && !client->attached->dead;
	unlock(client);
	return generation;
}

static bool
acquire_locked(struct keeper_client *client, struct channels **out, struct error *err)
{
	if (client->attached == NULL || client->attached->dead)
		return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper is away");
	client->attached->references++;
	*out = client->attached;
	return true;
}

bool
channels_acquire(struct keeper_client *client, struct channels **out, struct error *err)
{
	bool ok;

	lock(client);
	ok = acquire_locked(client, out, err);
	unlock(client);
	return ok;
}

void
channels_release(struct channels *channels)
{
	struct keeper_client *client;

	if (channels == NULL)
		return;
	client = channels->client;
	lock(client);
	release_locked(channels);
	unlock(client);
}

void
channels_fail(struct channels *channels)
{
	struct keeper_client *client = channels->client;

	lock(client);
	fail_locked(channels);
	unlock(client);
}

int
channels_ordered_fd(const struct channels *channels)
{
	return channels->fds[0];
}

struct buf *
channels_ordered_in(struct channels *channels)
{
	return &channels->in[0];
}

uint64_t
channels_generation(const struct channels *channels)
{
	return channels->generation;
}

/* ---- appends in flight ---- */

bool
flight_push(struct keeper_client *client, uint64_t generation, size_t count)
{
	bool room;

	lock(client);
	room = client->flight_count < KEEPER_IN_FLIGHT_MAX;
	if (room) {
		size_t at = (client->flight_first + client->flight_count) % KEEPER_IN_FLIGHT_MAX;

		client->flights[at] = (struct flight){.generation = generation, .count = count};
		client->flight_count++;
	}
	unlock(client);
	return room;
}

bool
flight_pop(struct keeper_client *client, uint64_t *out_generation, size_t *out_count)
{
	bool any;

	lock(client);
	any = client->flight_count > 0;
	if (any) {
		*out_generation = client->flights[client->flight_first].generation;
		*out_count = client->flights[client->flight_first].count;
		client->flight_first = (client->flight_first + 1) % KEEPER_IN_FLIGHT_MAX;
		client->flight_count--;
	}
	unlock(client);
	return any;
}

/* ---- one stateless channel ---- */

static bool
free_channel(const struct channels *channels, size_t *out)
{
	for (size_t i = 0; i < CONTROL_STATELESS; i++)
		if (!channels->busy[i]) {
			*out = i;
			return true;
		}
	return false;
}

/* The set may be replaced while this waits: then the next one is used. */
static bool
stateless_acquire_locked(struct keeper_client *client, struct stateless *out, struct error *err)
{
	size_t index = 0;

	while (client->attached != NULL && !client->attached->dead &&
	       !free_channel(client->attached, &index))
		(void)pthread_cond_wait(&client->changed, &client->lock);
	if (!acquire_locked(client, &out->channels, err))
		return false;
	out->channels->busy[index] = true;
	out->index = index;
	out->fd = out->channels->fds[1 + index];
	out->in = &out->channels->in[1 + index];
	return true;
}

bool
stateless_acquire(struct keeper_client *client, struct stateless *out, struct error *err)
{
	bool ok;

	lock(client);
	ok = stateless_acquire_locked(client, out, err);
	unlock(client);
	return ok;
}

void
stateless_release(struct stateless *stateless)
{
	struct keeper_client *client;

	if (stateless->channels == NULL)
		return;
	client = stateless->channels->client;
	lock(client);
	stateless->channels->busy[stateless->index] = false;
	release_locked(TAKE(stateless->channels));
	unlock(client);
	(void)pthread_cond_signal(&client->changed); /* who wakes needs the lock at once */
}

bool
stateless_ask(const struct stateless *lane, enum wire_type type, struct bytes body,
    enum wire_type answer, struct bytes *out_body, struct error *err)
{
	return channel_send(lane->channels, lane->fd, type, body, err) &&
	       channel_receive(lane->channels, lane->fd, lane->in, answer, out_body, err);
}

struct tag_queue *
client_tag_queue(struct keeper_client *client)
{
	return &client->tags;
}

/* ---- messages ---- */

bool
channel_send(
    struct channels *channels, int fd, enum wire_type type, struct bytes body, struct error *err)
{
	if (wire_send(fd, type, body, err))
		return true;
	channels_fail(channels);
	return false;
}

bool
channel_malformed(struct channels *channels, struct error *err)
{
	channels_fail(channels);
	return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper's answer is malformed");
}

bool
channel_receive(struct channels *channels, int fd, struct buf *in, enum wire_type type,
    struct bytes *out_body, struct error *err)
{
	struct wire_message message = {0};
	struct error cause = {0};
	bool closed = false;

	if (!wire_receive(fd, in, &message, &closed, &cause) || closed) {
		channels_fail(channels);
		return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper is gone");
	}
	if (message.type == WIRE_REFUSED)
		return wire_refusal_raise(message.body, err);
	if (message.type != type)
		return channel_malformed(channels, err);
	*out_body = message.body;
	return true;
}
