/*
 * spool: revocations that were accepted while they could not be put on record.
 *
 * A file of lines (base/chain_file.h), each an object that says who revokes what, why and since
 * when. Of one that is damaged whatever can be read counts all the same: a device that is revoked
 * without need can be enrolled again, one that is not revoked stays in use.
 *
 * Not thread-safe: provisioning/revoke_later.h is.
 */
#ifndef PROVISIONING_SPOOL_H
#define PROVISIONING_SPOOL_H

#include "base/defer.h"
#include "base/error.h"
#include "base/text.h"
#include "ca/reason.h"
#include "ca/serial.h"
#include "provisioning/revoke.h"

#define SPOOL_ENTRIES_MAX 10000

struct spool_entry {
	char id[HANDLE_TEXT_LEN + 1]; /* of the request */
	uint8_t serial[SERIAL_BYTES];
	enum reason reason;
	enum revoke_detail detail;
	int64_t at_s; /* when it was accepted: in force since then */
	int64_t person;
	char officer[HANDLE_TEXT_LEN + 1];
};

/* One object, without hash and end of line. */
void spool_entry_encode(const struct spool_entry *entry, struct buf *out);
/* E_BAD_SYNTAX, E_INCOMPLETE */
MUST_CHECK bool spool_entry_parse(struct bytes text, struct spool_entry *out, struct error *err);

struct spool;
/* Reads what is there; makes the file (mode 0600). E_FILE_FAILED */
MUST_CHECK bool spool_open(const char *path, struct spool **out, struct error *err);
void spool_close(struct spool *spool);
DEFER_DECLARE(struct spool, spool_close)

/*
 * On true it survives whatever comes.
 * E_RECORD_UNAVAILABLE   it is full, or cannot be written: then it is as it was
 */
MUST_CHECK bool spool_append(
    struct spool *spool, const struct spool_entry *entry, struct error *err);
size_t spool_count(const struct spool *spool);
const struct spool_entry *spool_at(const struct spool *spool, size_t i);
const struct spool_entry *spool_find(const struct spool *spool, const char *id); /* NULL: none */
bool spool_damaged(const struct spool *spool);
/* All are on record: an empty file, which is not damaged. E_FILE_FAILED */
MUST_CHECK bool spool_empty(struct spool *spool, struct error *err);

#endif
