#include "tests/support/fake_keeper.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proof/merkle.h"

struct fake_flight {
	uint64_t generation, size_after;
	struct keeper_signed *results;
	size_t count;
	bool wrong_seq;
};

struct keeper_client {
	pthread_mutex_t mutex;
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t generation;
	bool alive, dies_taking, has_all_keys;
	unsigned dies_in; /* appends; 0: lives on */
	unsigned signed_recorded;
	uint8_t (*hashes)[SHA256_BYTES];
	uint64_t size, capacity;
	struct fake_flight flights[KEEPER_IN_FLIGHT_MAX];
	size_t flight_count;
};

static void
lock(struct keeper_client *client)
{
	(void)pthread_mutex_lock(&client->mutex);
}

static void
unlock(struct keeper_client *client)
{
	(void)pthread_mutex_unlock(&client->mutex);
}

static bool
gone(struct error *err)
{
	return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper is gone");
}

struct keeper_client *
fake_keeper_new(const char *origin)
{
	struct keeper_client *client = xcalloc(1, sizeof *client);

	(void)pthread_mutex_init(&client->mutex, NULL);
	(void)snprintf(client->origin, sizeof client->origin, "%s", origin);
	client->generation = 1;
	client->alive = true;
	return client;
}

void
keeper_client_free(struct keeper_client *client)
{
	if (client == NULL)
		return;
	for (size_t i = 0; i < client->flight_count; i++)
		free(client->flights[i].results);
	free(client->hashes);
	(void)pthread_mutex_destroy(&client->mutex);
	free(client);
}

uint64_t
keeper_client_generation(struct keeper_client *client, bool *out_alive)
{
	uint64_t generation;

	lock(client);
	generation = client->generation;
	*out_alive = client->alive;
	unlock(client);
	return generation;
}

void
fake_keeper_public_key(uint8_t out[static 32])
{
	memset(out, 0x4b, 32);
}

void
fake_keeper_sign(struct bytes tbs, uint8_t out[static FAKE_KEEPER_SIGNATURE_BYTES])
{
	memcpy(out, "sig", 3);
	sha256(tbs, out + 3);
}

/* ---- the journal ---- */

static void
journal_add(struct keeper_client *client, struct bytes leaf)
{
	if (client->size == client->capacity) {
		client->capacity = client->capacity * 2 + 1024;
		client->hashes =
		    xrealloc(client->hashes, client->capacity * sizeof client->hashes[0]);
	}
	leaf_hash(leaf, client->hashes[client->size++]);
}

static void
root_at(const struct keeper_client *client, uint64_t size, uint8_t out[static SHA256_BYTES])
{
	struct merkle *tree = xcalloc(1, sizeof *tree);

	for (uint64_t i = 0; i < size; i++)
		merkle_append(tree, client->hashes[i]);
	merkle_root(tree, out);
	free(tree);
}

static bool
seqs_follow(const struct keeper_client *client, uint64_t first_seq,
    const struct keeper_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct leaf_view view;
		struct error err = {0};

		if (!leaf_parse(entries[i].leaf, &view, &err) ||
		    (uint64_t)view.seq != client->size + i)
			return false;
	}
	return first_seq == client->size;
}

static void
answer(
    const struct keeper_client *client, const struct keeper_entry *entry, struct keeper_signed *out)
{
	*out = (struct keeper_signed){0};
	if (entry->tbs.len == 0)
		return;
	if (entry->tbs.data[0] == FAKE_KEEPER_REFUSED) {
		out->refused = true;
		(void)snprintf(out->why, sizeof out->why, "it begins with an X");
		return;
	}
	if (entry->tbs.data[0] == FAKE_KEEPER_NOT_NOW && !client->has_all_keys) {
		(void)snprintf(out->why, sizeof out->why, "the key is not here");
		return;
	}
	fake_keeper_sign(entry->tbs, out->signature);
	out->signature_len = FAKE_KEEPER_SIGNATURE_BYTES;
}

/* ---- the ordered lane ---- */

bool
keeper_hello(struct keeper_client *client, struct keeper_state *out, struct error *err)
{
	bool alive;

	lock(client);
	alive = client->alive;
	if (alive) {
		*out = (struct keeper_state){.checkpoint = {.size = client->size}};
		memcpy(out->checkpoint.origin, client->origin, sizeof client->origin);
		root_at(client, client->size, out->checkpoint.root);
		fake_keeper_public_key(out->log_public_key);
	}
	unlock(client);
	return alive || gone(err);
}

/* False: it dies of this append. */
static bool
survives(struct keeper_client *client)
{
	if (client->dies_in == 0 || --client->dies_in > 0)
		return true;
	client->alive = false;
	return false;
}

static bool
send_locked(struct keeper_client *client, uint64_t first_seq, const struct keeper_entry *entries,
    size_t count, struct error *err)
{
	struct fake_flight *flight;
	bool lives;

	if (!client->alive)
		return gone(err);
	assert(client->flight_count < KEEPER_IN_FLIGHT_MAX);
	lives = survives(client);
	flight = &client->flights[client->flight_count++];
	*flight = (struct fake_flight){.generation = client->generation,
	    .results = xcalloc(count, sizeof(struct keeper_signed)),
	    .count = count,
	    .wrong_seq = !seqs_follow(client, first_seq, entries, count)};
	for (size_t i = 0; i < count && !flight->wrong_seq; i++) {
		if (lives || client->dies_taking)
			journal_add(client, entries[i].leaf);
		answer(client, &entries[i], &flight->results[i]);
	}
	flight->size_after = client->size;
	return true;
}

bool
keeper_append_send(struct keeper_client *client, uint64_t first_seq,
    const struct keeper_entry *entries, size_t count, struct error *err)
{
	bool sent;

	assert(count > 0 && count <= KEEPER_APPEND_MAX);
	lock(client);
	sent = send_locked(client, first_seq, entries, count, err);
	unlock(client);
	return sent;
}

static void
checkpoint_text(const struct keeper_client *client, uint64_t size, struct buf *out)
{
	struct checkpoint checkpoint = {.size = size};

	memcpy(checkpoint.origin, client->origin, sizeof client->origin);
	root_at(client, size, checkpoint.root);
	checkpoint_encode(&checkpoint, out);
}

static bool
receive_locked(struct keeper_client *client, struct keeper_signed *results, size_t count,
    struct buf *out_checkpoint, struct error *err)
{
	struct fake_flight flight;

	if (client->flight_count == 0)
		return error_set(err, E_KEEPER_UNAVAILABLE, "no append is in flight");
	flight = client->flights[0];
	memmove(client->flights, client->flights + 1,
	    --client->flight_count * sizeof client->flights[0]);
	assert(flight.count == count);
	memcpy(results, flight.results, count * sizeof *results);
	free(flight.results);
	if (!client->alive || flight.generation != client->generation)
		return gone(err);
	if (flight.wrong_seq)
		return error_set(err, E_KEEPER_REFUSED, "a wrong seq");
	checkpoint_text(client, flight.size_after, out_checkpoint);
	return true;
}

bool
keeper_append_receive(struct keeper_client *client, struct keeper_signed *results, size_t count,
    struct buf *out_checkpoint, struct error *err)
{
	bool received;

	lock(client);
	received = receive_locked(client, results, count, out_checkpoint, err);
	unlock(client);
	return received;
}

bool
keeper_sign_recorded(struct keeper_client *client, uint64_t seq, const struct keeper_entry *entry,
    struct keeper_signed *out, struct error *err)
{
	bool alive, known;

	lock(client);
	alive = client->alive;
	known = seq < client->size;
	client->signed_recorded++;
	answer(client, entry, out);
	unlock(client);
	if (!alive)
		return gone(err);
	if (!known)
		*out = (struct keeper_signed){.refused = true, .why = "no such leaf"};
	return true;
}

bool
keeper_checkpoint(struct keeper_client *client, struct buf *out_checkpoint, struct error *err)
{
	bool alive;

	lock(client);
	alive = client->alive;
	if (alive)
		checkpoint_text(client, client->size, out_checkpoint);
	unlock(client);
	return alive || gone(err);
}

/* ---- what a test does to it ---- */

void
fake_keeper_die_at(struct keeper_client *client, unsigned nth, bool takes)
{
	lock(client);
	client->dies_in = nth;
	client->dies_taking = takes;
	unlock(client);
}

void
fake_keeper_die(struct keeper_client *client)
{
	lock(client);
	client->alive = false;
	unlock(client);
}

void
fake_keeper_revive(struct keeper_client *client)
{
	lock(client);
	client->generation++;
	client->alive = true;
	client->dies_in = 0;
	unlock(client);
}

void
fake_keeper_learn(struct keeper_client *client)
{
	lock(client);
	client->has_all_keys = true;
	unlock(client);
}

void
fake_keeper_forget(struct keeper_client *client, uint64_t size)
{
	lock(client);
	assert(size <= client->size);
	client->size = size;
	unlock(client);
}

void
fake_keeper_run_ahead(struct keeper_client *client)
{
	lock(client);
	journal_add(client, bytes_of_text("a leaf that the database does not hold"));
	unlock(client);
}

uint64_t
fake_keeper_size(struct keeper_client *client)
{
	uint64_t size;

	lock(client);
	size = client->size;
	unlock(client);
	return size;
}

bool
fake_keeper_alive(struct keeper_client *client)
{
	bool alive;

	(void)keeper_client_generation(client, &alive);
	return alive;
}

void
fake_keeper_root(struct keeper_client *client, uint8_t out[static SHA256_BYTES])
{
	lock(client);
	root_at(client, client->size, out);
	unlock(client);
}

unsigned
fake_keeper_signed_recorded(struct keeper_client *client)
{
	unsigned count;

	lock(client);
	count = client->signed_recorded;
	unlock(client);
	return count;
}
