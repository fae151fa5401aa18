#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "base/defer_openssl.h"
#include "keeper/journal.h"
#include "keeper/keyring.h"
#include "proof/checkpoint.h"
#include "proof/note.h"

#define PASSPHRASE "correct horse"
#define ANSWER_MAX_S 30 /* a keeper that hangs fails the test */
#define LOG "node1-2026"

/* ---- the keeper's folder ---- */

static void
path_of(const struct attack *attack, const char *name, char out[static 128])
{
	(void)snprintf(out, 128, "%s/%s", attack->dir, name);
}

static void
write_ring(struct attack *attack)
{
	DEFER(keyring_free) struct keyring *ring = keyring_new();
	DEFER(secret_free) struct secret *words = secret_text(PASSPHRASE);
	DEFER(key_free) struct key *key = NULL;
	struct secret *pkcs8 = NULL;
	char name[32] = "issuer:", path[128];
	struct error err = {0};

	assert_ok(key_generate(&pkcs8, &err), &err);
	assert_ok(key_open(secret_bytes(pkcs8), &key, &err), &err);
	key_issuer_id(key, attack->issuer);
	buf_append(&attack->spki, key_spki(key));
	hex_encode(name + 7, bytes_of(attack->issuer, ISSUER_ID_BYTES));
	keyring_add(ring, name, pkcs8);
	keyring_add(ring, "log", secret_filled(1));
	keyring_add(ring, "journal", secret_filled(2));
	keyring_add(ring, "tag:1", secret_filled(3));
	keyring_add(ring, "token:7", secret_filled(4));
	keyring_add(ring, "status:1", secret_filled(5));
	path_of(attack, "keeper.ring", path);
	assert_ok(keyring_write(ring, path, words,
		      (struct keyring_cost){.operations = 1, .memory_kib = 8192}, &err),
	    &err);
}

static void
write_policy(struct attack *attack)
{
	struct policy_issuer *issuer = &attack->policy.issuers[0];
	char path[128];
	struct error err = {0};

	attack->policy.issuer_count = 1;
	issuer_init(issuer);
	memcpy(issuer->id, attack->issuer, ISSUER_ID_BYTES);
	issuer->not_before_s = attack->now_s - 500 * DAY_S;
	issuer->not_after_s = attack->now_s + 3650 * DAY_S;
	path_of(attack, "policy.json", path);
	assert_ok(policy_write(&attack->policy, path, &err), &err);
}

static void
write_journal(const struct attack *attack)
{
	DEFER(secret_free) struct secret *mac_key = secret_filled(2);
	char path[128];
	struct error err = {0};

	path_of(attack, "journal", path);
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(attack, "journal/" LOG ".journal", path);
	assert_ok(journal_create(path, ATTACK_ORIGIN, mac_key, &err), &err);
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

/* ---- the process ---- */

static void
run_keeper(const struct attack *attack, int control)
{
	char program[512];

	(void)snprintf(program, sizeof(program), "%s/moniker-keeper", getenv("MONIKER_TEST_BIN"));
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (control != CONTROL_FD && dup2(control, CONTROL_FD) < 0)
		_exit(126);
	(void)fcntl(CONTROL_FD, F_SETFD, 0);
	(void)execl(program, program, "--dir", attack->dir, "--log", LOG, (char *)NULL);
	_exit(127);
}

void
attack_start(struct attack *attack)
{
	DEFER(secret_free) struct secret *words = secret_text(PASSPHRASE);
	const struct timeval limit = {.tv_sec = ANSWER_MAX_S};
	struct control_received ready = {0};
	struct error err = {0};
	bool closed = false;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	attack->pid = fork();
	assert_true(attack->pid >= 0);
	if (attack->pid == 0)
		run_keeper(attack, pair[1]);
	(void)close(pair[1]);
	attack->control = pair[0];
	assert_ok(control_send_secret(attack->control, words, &err), &err);
	assert_ok(control_receive(attack->control, &ready, &closed, &err), &err);
	assert_false(closed);
	assert_int_equal(ready.type, CONTROL_READY);
	attack_connect(attack);
}

static void
close_channels(struct attack *attack)
{
	for (size_t i = 0; i < CONTROL_CHANNELS; i++) {
		if (attack->fds[i] >= 0)
			(void)close(attack->fds[i]);
		attack->fds[i] = -1;
	}
}

void
attack_kill(struct attack *attack)
{
	close_channels(attack);
	if (attack->pid <= 0)
		return;
	(void)kill(attack->pid, SIGKILL);
	(void)waitpid(attack->pid, NULL, 0);
	(void)close(attack->control);
	attack->pid = 0;
}

void
attack_connect(struct attack *attack)
{
	const struct timeval limit = {.tv_sec = ANSWER_MAX_S};
	int far[CONTROL_CHANNELS];
	struct error err = {0};

	close_channels(attack);
	assert_ok(control_make_channels(attack->fds, far, &err), &err);
	assert_ok(control_send_channels(attack->control, far, &err), &err);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++) {
		(void)close(far[i]);
		assert_int_equal(
		    setsockopt(attack->fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	}
}

void
attack_init(struct attack *attack)
{
	memset(attack, 0, sizeof(*attack));
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		attack->fds[i] = -1;
	(void)snprintf(attack->dir, sizeof(attack->dir), "/tmp/moniker-attack-XXXXXX");
	assert_non_null(mkdtemp(attack->dir));
	attack->now_s = (int64_t)time(NULL);
	write_ring(attack);
	write_policy(attack);
	write_journal(attack);
	attack_start(attack);
}

void
attack_clear(struct attack *attack)
{
	attack_kill(attack);
	policy_clear(&attack->policy);
	buf_clear_public(&attack->spki);
	(void)nftw(attack->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what is said, and heard ---- */

/* A channel that the keeper has closed takes nothing more: what it said before tells why. */
void
attack_say(int fd, enum wire_type type, struct bytes body)
{
	struct error err = {0};

	if (!wire_send(fd, type, body, &err) && errno != EPIPE && errno != ECONNRESET)
		fail_msg("%s: %s", err.detail, err.cause);
}

void
answer_clear(struct answer *answer)
{
	buf_clear_public(&answer->body);
}

static void
text_of(struct bytes octets, char *out, size_t size)
{
	size_t len = octets.len < size - 1 ? octets.len : size - 1;

	memcpy(out, octets.data, len);
	out[len] = '\0';
}

void
attack_hear(int fd, struct answer *out)
{
	ssize_t n;

	out->type = 0;
	out->name[0] = out->detail[0] = '\0';
	buf_truncate(&out->body, 0);
	n = recv(fd, buf_extend(&out->body, WIRE_MAX), WIRE_MAX, 0);
	if (n < 0 && errno == EAGAIN)
		fail_msg("the keeper does not answer");
	buf_truncate(&out->body, n > 0 ? (size_t)n : 0);
	if (n <= 0)
		return;
	out->type = out->body.data[0];
	if (out->type == WIRE_REFUSED) {
		struct reader reader = reader_of(bytes_of(out->body.data + 1, (size_t)n - 1));

		text_of(reader_bytes(&reader, reader_u8(&reader)), out->name, sizeof(out->name));
		text_of(reader.rest, out->detail, sizeof(out->detail));
		assert_true(reader.ok);
	}
}

void
assert_refused(const char *what, int fd, const char *name, const char *detail)
{
	DEFER(answer_clear) struct answer answer = {0};

	attack_hear(fd, &answer);
	if (answer.type != WIRE_REFUSED || strcmp(answer.name, name) != 0 ||
	    strstr(answer.detail, detail) == NULL)
		fail_msg("%s: '%c' %s: %s", what, answer.type == 0 ? '-' : answer.type, answer.name,
		    answer.detail);
}

void
assert_closed(const char *what, int fd)
{
	DEFER(answer_clear) struct answer answer = {0};

	attack_hear(fd, &answer);
	if (answer.type != 0)
		fail_msg("%s: the channel goes on with '%c'", what, answer.type);
}

/* ---- an entry ---- */

void
attempt_init(const struct attack *attack, uint64_t seq, struct attempt *out)
{
	const int64_t from_s = attack->now_s - 3600;

	memset(out, 0, sizeof(*out));
	tbs_parts_init(&out->parts);
	out->parts.serial = serial_of(0x41, (uint16_t)time_month(from_s));
	out->parts.validity = tlv_wrap(DER_SEQUENCE, tlv_times(from_s, from_s + 365 * DAY_S));
	out->leaf = leaf_plain(seq);
	out->leaf.event = LEAF_ENROLL_OK;
	memset(out->nonce, (int)(seq & 0x7f) + 1, sizeof(out->nonce));
	memcpy(out->issuer, attack->issuer, ISSUER_ID_BYTES);
}

struct tlv
attempt_tbs(const struct attempt *attempt)
{
	return tbs_join(&attempt->parts);
}

void
attempt_encode(const struct attempt *attempt, struct buf *out)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct tlv tbs = attempt_tbs(attempt);
	struct leaf leaf = attempt->leaf;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	struct wire_entry entry = {.nonce = nonce, .issuer = attempt->issuer};

	leaf.has_commitment = !attempt->no_commitment && !attempt->plain;
	if (leaf.has_commitment)
		leaf_commit(leaf.commitment, attempt->nonce, tlv_bytes(&tbs));
	if (!attempt->no_leaf)
		leaf_put(&leaf, &text);
	memcpy(nonce, attempt->nonce, sizeof(nonce));
	nonce[31] ^= attempt->other_nonce ? 1 : 0;
	if (attempt->other_tbs) { /* the same certificate for another key: all of it is allowed */
		struct attempt other = *attempt;

		other.parts.spki.data[other.parts.spki.len - 1] ^= 1;
		tbs = attempt_tbs(&other);
	}
	entry.leaf = buf_bytes(&text);
	if (!attempt->plain)
		entry.tbs = tlv_bytes(&tbs);
	wire_entry_encode(&entry, out);
}

void
attack_append(int fd, uint64_t first_seq, uint32_t count, struct bytes entries)
{
	DEFER(buf_clear_public) struct buf begin = {0};

	buf_append_u64(&begin, first_seq);
	buf_append_u32(&begin, count);
	attack_say(fd, WIRE_APPEND_BEGIN, buf_bytes(&begin));
	attack_say(fd, WIRE_APPEND_RECORDS, entries);
	attack_say(fd, WIRE_APPEND_END, (struct bytes){0});
}

void
attack_result(const char *what, int fd, struct answer *out)
{
	struct reader reader;
	struct wire_result result;

	attack_hear(fd, out);
	if (out->type != WIRE_RESULTS)
		fail_msg("%s: '%c' %s: %s", what, out->type == 0 ? '-' : out->type, out->name,
		    out->detail);
	reader = reader_of(bytes_of(out->body.data + 1, out->body.len - 1));
	wire_result_take(&reader, &result);
	assert_true(reader_done(&reader));
	out->type = result.kind;
	if (result.kind == WIRE_RESULT_SIGNED) {
		struct buf signature = {0};

		buf_append(&signature, result.octets); /* which lie in the body */
		buf_clear_public(&out->body);
		out->body = signature;
		return;
	}
	text_of(result.octets, out->detail, sizeof(out->detail));
}

/* ---- the honest line ---- */

static void
check_signature(
    const char *what, const struct attack *attack, struct bytes tbs, const struct answer *answer)
{
	const uint8_t *at = attack->spki.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)attack->spki.len);
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (answer->type != WIRE_RESULT_SIGNED)
		fail_msg("after \"%s\" an honest certificate is refused: %s", what, answer->detail);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
	if (EVP_DigestVerify(ctx, answer->body.data, answer->body.len, tbs.data, tbs.len) != 1)
		fail_msg("after \"%s\" a signature is not one", what);
}

/* The checkpoint note that ends an append is of this size. */
static void
check_note(const char *what, int fd, uint64_t size)
{
	DEFER(answer_clear) struct answer answer = {0};
	char text[96];

	attack_hear(fd, &answer);
	(void)snprintf(text, sizeof(text), "%s\n%llu\n", ATTACK_ORIGIN, (unsigned long long)size);
	if (answer.type != WIRE_APPENDED || memcmp(answer.body.data + 1, text, strlen(text)) != 0)
		fail_msg("after \"%s\" the checkpoint is another: '%c' %s", what, answer.type,
		    answer.detail);
}

void
attack_honest(const char *what, struct attack *attack)
{
	DEFER(answer_clear) struct answer answer = {0};
	DEFER(buf_clear_public) struct buf entry = {0};
	struct attempt attempt;
	struct tlv tbs;

	attempt_init(attack, attack->size, &attempt);
	tbs = attempt_tbs(&attempt);
	attempt_encode(&attempt, &entry);
	attack_append(attack->fds[0], attack->size, 1, buf_bytes(&entry));
	attack_result(what, attack->fds[0], &answer);
	check_signature(what, attack, tlv_bytes(&tbs), &answer);
	check_note(what, attack->fds[0], ++attack->size);
}

void
attack_say_recorded(int fd, uint64_t seq, const struct attempt *attempt)
{
	DEFER(buf_clear_public) struct buf body = {0};
	struct attempt without_leaf = *attempt;

	without_leaf.no_leaf = true;
	buf_append_u64(&body, seq);
	attempt_encode(&without_leaf, &body);
	attack_say(fd, WIRE_SIGN_RECORDED, buf_bytes(&body));
}

void
attack_honest_again(const char *what, struct attack *attack, uint64_t seq)
{
	DEFER(answer_clear) struct answer answer = {0};
	struct attempt attempt;
	struct tlv tbs;

	attempt_init(attack, seq, &attempt);
	tbs = attempt_tbs(&attempt);
	attack_say_recorded(attack->fds[0], seq, &attempt);
	attack_result(what, attack->fds[0], &answer);
	check_signature(what, attack, tlv_bytes(&tbs), &answer);
}

void
attack_tree(const struct attack *attack, uint64_t *out_size, uint8_t out_root[static 32])
{
	DEFER(answer_clear) struct answer answer = {0};
	struct reader reader;

	attack_say(attack->fds[0], WIRE_HELLO, (struct bytes){0});
	attack_hear(attack->fds[0], &answer);
	assert_int_equal(answer.type, WIRE_STATE);
	reader = reader_of(bytes_of(answer.body.data + 1, answer.body.len - 1));
	*out_size = reader_u64(&reader);
	reader_copy(&reader, out_root, 32);
	assert_true(reader.ok);
}
