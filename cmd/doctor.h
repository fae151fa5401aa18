/*
 * doctor: what is found when an installation is looked at: a list of findings, each of a check that
 * has a name.
 */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "cmd/settings.h"
#include "db/db.h"

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAULT, VERDICT_COUNT };
const char *verdict_name(enum verdict verdict);

#define DOCTOR_DETAIL_MAX 255
struct finding {
	const char *check; /* "keeper-ring", static */
	enum verdict verdict;
	char detail[DOCTOR_DETAIL_MAX + 1];
};
#define DOCTOR_FINDINGS_MAX 128
struct doctor {
	const struct settings *settings;
	const char *config_path;
	struct db *main, *keys; /* the same where shred_url is empty */
	struct finding findings[DOCTOR_FINDINGS_MAX];
	size_t count;
	int64_t erased_after_s; /* shred_retention_s(); -2: not known */
};
#define DOCTOR_UNKNOWN (-2)

void doctor_find(struct doctor *doctor, const char *check, enum verdict verdict, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* A check that could not be made, or found what an error says. */
void doctor_fail(struct doctor *doctor, const char *check, const struct error *err);

/* Files, processes, disks: what is on this host. */
void doctor_host(struct doctor *doctor);
/* The main database: there, of this program's schema, durable, discreet; certificates that end, and
 * seats that are lost. */
void doctor_database(struct doctor *doctor);
/* Shred keys, and when an erasure is effective. */
void doctor_erasure(struct doctor *doctor);

#endif
