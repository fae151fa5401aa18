/*
 * tlog_policy: whose word on a checkpoint is enough: logs, witnesses and a quorum of them, in the
 * lines of C2SP tlog-policy.
 *
 *   log <vkey> [<url>]            witness <name> <vkey> [<url>]
 *   group <name> all|any|<k> <name>...        quorum <name>|none
 */
#ifndef PROOF_TLOG_POLICY_H
#define PROOF_TLOG_POLICY_H

#include "proof/note.h"

#define TLOG_POLICY_MAX 65536 /* octets */
#define TLOG_POLICY_LOGS_MAX 64
#define TLOG_POLICY_NODES_MAX 64 /* witnesses and groups: a bit each */
#define TLOG_POLICY_WITNESSES_MAX 32
#define TLOG_POLICY_URL_MAX 512 /* octets */

struct tlog_policy_node {
	char name[NOTE_NAME_MAX + 1];
	bool is_witness;
	struct note_key key;               /* a witness's */
	char url[TLOG_POLICY_URL_MAX + 1]; /* "" where there is none */
	uint64_t members;                  /* a group's, by their bits */
	int threshold;
};
struct tlog_policy {
	struct note_key logs[TLOG_POLICY_LOGS_MAX];
	size_t log_count;
	struct tlog_policy_node nodes[TLOG_POLICY_NODES_MAX]; /* members before their group */
	size_t node_count, witness_count;
	bool has_quorum;
	int quorum; /* a node; -1: none is asked for */
};

/*
 * The file has to say its quorum, unless it names logs alone. Two logs may share a public key: this
 * service's logs of several years do.
 * E_BAD_SYNTAX   `detail` has the line's number
 */
MUST_CHECK bool tlog_policy_parse(struct bytes text, struct tlog_policy *out, struct error *err);

/* The log's key by its origin, or NULL. */
const struct note_key *tlog_policy_log(const struct tlog_policy *policy, struct bytes origin);

/* Whether the witnesses whose bits are set in `cosigned` are a quorum. */
bool tlog_policy_is_quorum(const struct tlog_policy *policy, uint64_t cosigned);

/*
 * Which witnesses have cosigned a note: their bits. One that is wrong counts as none.
 * E_BAD_PROOF   they are no quorum
 */
MUST_CHECK bool tlog_policy_check(
    const struct tlog_policy *policy, struct bytes note, uint64_t *out_cosigned, struct error *err);

#endif
