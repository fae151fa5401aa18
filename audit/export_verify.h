/*
 * export_verify: an export, from its files and the log's key alone. Every file is held against what
 * it has to be: the manifest against its own spelling, leaves against tiles, tiles against the
 * signed root, the rest against the leaves and the manifest.
 */
#ifndef AUDIT_EXPORT_VERIFY_H
#define AUDIT_EXPORT_VERIFY_H

#include "audit/export_manifest.h"
#include "proof/verify.h"

struct export_files {
	void *context;
	/* The contents, borrowed. False: there is no such file. */
	bool (*map)(void *context, const char *name, struct bytes *out);
	/* Every file's name, in any order; NULL: no more. NULL instead of a function: not known. */
	const char *(*name)(void *context, size_t index);
};

struct export_options {
	const struct export_files *files;
	const struct note_key *key;
	void *context;
	void (*report)(void *context, const struct verify_finding *finding);
	void (*progress)(void *context, uint64_t done, uint64_t size); /* or NULL; now and then */
};
struct export_verdict {
	bool tampered, incomplete;
	struct checkpoint checkpoint; /* size 0 where there is none that is signed */
	bool complete;                /* that no leaf from first to last is missing is proven */
	int64_t count, first, last;   /* leaves that are there; first and last -1: none */
	uint64_t findings;
};

/* It goes on after the first thing that is wrong, and says of which leaf each is. */
void export_verify(const struct export_options *options, struct export_verdict *out);

#endif
