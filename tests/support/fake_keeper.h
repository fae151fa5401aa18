/*
 * fake_keeper: the ordered lane of keeper/client.h without a keeper: a journal of leaf hashes in
 * memory, and a signature that is a function of the TBS. Link it instead of the client.
 *
 * It is as strict as the keeper about `seq`, and it can go away at any moment.
 */
#ifndef TESTS_SUPPORT_FAKE_KEEPER_H
#define TESTS_SUPPORT_FAKE_KEEPER_H

#include "keeper/client.h"

#define FAKE_KEEPER_SIGNATURE_BYTES 35
#define FAKE_KEEPER_REFUSED 'X' /* a TBS that begins so is refused for ever, */
#define FAKE_KEEPER_NOT_NOW 'K' /* and one that begins so until fake_keeper_learn() */

/* Generation 1, alive, with an empty journal. Free it with keeper_client_free(). */
struct keeper_client *fake_keeper_new(const char *origin);
void fake_keeper_public_key(uint8_t out[static 32]);

/* What it signs this TBS with. */
void fake_keeper_sign(struct bytes tbs, uint8_t out[static FAKE_KEEPER_SIGNATURE_BYTES]);

/* Dies while it gets the `nth` append from now on (1: the next); `takes` says whether that one
 * still reaches the journal. What is in flight is lost either way. */
void fake_keeper_die_at(struct keeper_client *client, unsigned nth, bool takes);
void fake_keeper_die(struct keeper_client *client); /* at once */
/* A new process with the same journal. */
void fake_keeper_revive(struct keeper_client *client);
/* Gets the key that it lacked. */
void fake_keeper_learn(struct keeper_client *client);
/* Cuts the journal: leaves from `size` on are gone. */
void fake_keeper_forget(struct keeper_client *client, uint64_t size);
/* Appends a leaf that nobody sent. */
void fake_keeper_run_ahead(struct keeper_client *client);

uint64_t fake_keeper_size(struct keeper_client *client);
bool fake_keeper_alive(struct keeper_client *client);
/* The root of its journal, to compare with what the database holds. */
void fake_keeper_root(struct keeper_client *client, uint8_t out[static SHA256_BYTES]);
unsigned fake_keeper_signed_recorded(struct keeper_client *client);

#endif
