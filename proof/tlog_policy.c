#include "proof/tlog_policy.h"

#include "proof/cosignature.h"
#include "proof/scan.h"

#define WORDS_MAX (3 + TLOG_POLICY_NODES_MAX)

/* A line's items. */
struct words {
	struct bytes at[WORDS_MAX];
	size_t count;
};

struct parser {
	struct tlog_policy *policy;
	uint64_t in_groups; /* nodes that are a group's member already */
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_word(uint8_t c)
{
	return !is_blank(c);
}

static bool
is_allowed(uint8_t c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool
split(struct bytes line, struct words *out, struct error *err)
{
	struct scan in = {line}, allowed = {line};

	(void)scan_while(&allowed, is_allowed);
	if (allowed.rest.len > 0)
		return error_set(err, E_BAD_SYNTAX, "a control character");
	*out = (struct words){0};
	for (;;) {
		(void)scan_while(&in, is_blank);
		if (in.rest.len == 0 || (out->count == 0 && in.rest.data[0] == '#'))
			return true;
		if (out->count == WORDS_MAX)
			return error_set(err, E_BAD_SYNTAX, "more than %d words", WORDS_MAX);
		out->at[out->count++] = scan_while(&in, is_word);
	}
}

static bool
is(struct bytes word, const char *text)
{
	return bytes_equal(word, bytes_of_text(text));
}

static int
find_node(const struct tlog_policy *policy, struct bytes name)
{
	for (size_t i = 0; i < policy->node_count; i++)
		if (is(name, policy->nodes[i].name))
			return (int)i;
	return -1;
}

/* The next node, with its name. */
static bool
add_node(
    struct tlog_policy *policy, struct bytes name, struct tlog_policy_node **out, struct error *err)
{
	struct tlog_policy_node *node = &policy->nodes[policy->node_count];

	if (policy->node_count == TLOG_POLICY_NODES_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "more than %d witnesses and groups", TLOG_POLICY_NODES_MAX);
	if (name.len > NOTE_NAME_MAX)
		return error_set(err, E_BAD_SYNTAX, "a name of more than %d octets", NOTE_NAME_MAX);
	if (is(name, "none") || find_node(policy, name) >= 0)
		return error_set(err, E_BAD_SYNTAX, "a name that is taken");
	memcpy(node->name, name.data, name.len);
	policy->node_count++;
	*out = node;
	return true;
}

static bool
take_log(struct parser *parser, const struct words *words, struct error *err)
{
	struct tlog_policy *policy = parser->policy;
	struct note_key *key = &policy->logs[policy->log_count];

	if (words->count < 2 || words->count > 3)
		return error_set(err, E_BAD_SYNTAX, "not log <vkey> [<url>]");
	if (policy->log_count == TLOG_POLICY_LOGS_MAX)
		return error_set(err, E_BAD_SYNTAX, "more than %d logs", TLOG_POLICY_LOGS_MAX);
	if (!note_key_parse(words->at[1], key, err))
		return false;
	if (tlog_policy_log(policy, bytes_of_text(key->name)) != NULL)
		return error_set(err, E_BAD_SYNTAX, "a second key of one log");
	policy->log_count++;
	return true;
}

/* Two witnesses of one key would be one that counts twice. */
static bool
key_is_taken(const struct tlog_policy *policy, const struct note_key *key)
{
	for (size_t i = 0; i < policy->node_count; i++)
		if (policy->nodes[i].is_witness && memcmp(policy->nodes[i].key.public_key,
						       key->public_key, NOTE_PUBLIC_BYTES) == 0)
			return true;
	return false;
}

static bool
take_witness(struct parser *parser, const struct words *words, struct error *err)
{
	struct tlog_policy *policy = parser->policy;
	struct tlog_policy_node *node;
	struct note_key key;

	if (words->count < 3 || words->count > 4)
		return error_set(err, E_BAD_SYNTAX, "not witness <name> <vkey> [<url>]");
	if (policy->witness_count == TLOG_POLICY_WITNESSES_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "more than %d witnesses", TLOG_POLICY_WITNESSES_MAX);
	if (!note_cosigner_parse(words->at[2], &key, err))
		return false;
	if (key_is_taken(policy, &key))
		return error_set(err, E_BAD_SYNTAX, "a second witness with one key");
	if (words->count == 4 && words->at[3].len > TLOG_POLICY_URL_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "a URL of more than %d octets", TLOG_POLICY_URL_MAX);
	if (!add_node(policy, words->at[1], &node, err))
		return false;
	node->is_witness = true;
	node->key = key;
	if (words->count == 4)
		memcpy(node->url, words->at[3].data, words->at[3].len);
	policy->witness_count++;
	return true;
}

static bool
take_members(
    struct parser *parser, const struct words *words, uint64_t *out_members, struct error *err)
{
	*out_members = 0;
	for (size_t i = 3; i < words->count; i++) {
		const int member = find_node(parser->policy, words->at[i]);

		if (member < 0)
			return error_set(err, E_BAD_SYNTAX, "a member that is not defined before");
		if ((parser->in_groups & UINT64_C(1) << member) != 0)
			return error_set(err, E_BAD_SYNTAX, "a member for the second time");
		parser->in_groups |= UINT64_C(1) << member;
		*out_members |= UINT64_C(1) << member;
	}
	return true;
}

static bool
take_threshold(struct bytes word, int64_t members, int *out, struct error *err)
{
	struct scan in = {word};
	int64_t threshold = 0;

	if (is(word, "any"))
		threshold = 1;
	else if (is(word, "all"))
		threshold = members;
	else if (!scan_number(&in, &threshold) || in.rest.len > 0)
		threshold = 0;
	if (threshold < 1 || threshold > members)
		return error_set(err, E_BAD_SYNTAX, "a threshold is all, any, or 1 to %lld here",
		    (long long)members);
	*out = (int)threshold;
	return true;
}

static bool
take_group(struct parser *parser, const struct words *words, struct error *err)
{
	struct tlog_policy_node *node;
	uint64_t members = 0;
	int threshold = 0;

	if (words->count < 4)
		return error_set(err, E_BAD_SYNTAX, "not group <name> all|any|<k> <name>...");
	if (!take_members(parser, words, &members, err) ||
	    !take_threshold(words->at[2], (int64_t)words->count - 3, &threshold, err) ||
	    !add_node(parser->policy, words->at[1], &node, err))
		return false;
	node->members = members;
	node->threshold = threshold;
	return true;
}

static bool
take_quorum(struct parser *parser, const struct words *words, struct error *err)
{
	struct tlog_policy *policy = parser->policy;

	if (words->count != 2)
		return error_set(err, E_BAD_SYNTAX, "not quorum <name>");
	if (policy->has_quorum)
		return error_set(err, E_BAD_SYNTAX, "a second quorum");
	policy->has_quorum = true;
	policy->quorum = is(words->at[1], "none") ? -1 : find_node(policy, words->at[1]);
	return policy->quorum >= 0 || is(words->at[1], "none") ||
	       error_set(err, E_BAD_SYNTAX, "a quorum that is not defined before");
}

static bool
take_line(struct parser *parser, struct bytes line, struct error *err)
{
	static const struct {
		const char *word;
		bool (*take)(struct parser *, const struct words *, struct error *);
	} LINES[] = {{"log", take_log}, {"witness", take_witness}, {"group", take_group},
	    {"quorum", take_quorum}};
	struct words words;

	if (!split(line, &words, err))
		return false;
	if (words.count == 0)
		return true;
	for (size_t i = 0; i < COUNT(LINES); i++)
		if (is(words.at[0], LINES[i].word))
			return LINES[i].take(parser, &words, err);
	return error_set(err, E_BAD_SYNTAX, "neither log, witness, group nor quorum");
}

static bool
take_all(struct parser *parser, struct bytes text, struct error *err)
{
	struct scan in = {text};
	struct error why = {0};
	struct bytes line;

	for (int number = 1; in.rest.len > 0; number++) {
		if (!scan_line(&in, &line))
			return error_set(
			    err, E_BAD_SYNTAX, "line %d of the policy has no end", number);
		if (!take_line(parser, line, &why))
			return error_set(
			    err, E_BAD_SYNTAX, "line %d of the policy: %.120s", number, why.detail);
	}
	return true;
}

bool
tlog_policy_parse(struct bytes text, struct tlog_policy *out, struct error *err)
{
	struct parser parser = {.policy = out};

	*out = (struct tlog_policy){.quorum = -1};
	if (text.len > TLOG_POLICY_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "a policy of more than %d octets", TLOG_POLICY_MAX);
	if (!take_all(&parser, text, err))
		return false;
	return out->has_quorum || out->node_count == 0 ||
	       error_set(err, E_BAD_SYNTAX, "the policy says no quorum");
}

const struct note_key *
tlog_policy_log(const struct tlog_policy *policy, struct bytes origin)
{
	for (size_t i = 0; i < policy->log_count; i++)
		if (is(origin, policy->logs[i].name))
			return &policy->logs[i];
	return NULL;
}

bool
tlog_policy_is_quorum(const struct tlog_policy *policy, uint64_t cosigned)
{
	uint64_t given = 0;

	for (size_t i = 0; i < policy->node_count; i++) {
		const struct tlog_policy_node *node = &policy->nodes[i];
		const uint64_t bit = UINT64_C(1) << i;
		const int members = __builtin_popcountll(given & node->members);

		if (node->is_witness ? (cosigned & bit) != 0 : members >= node->threshold)
			given |= bit;
	}
	return policy->quorum < 0 || (given & UINT64_C(1) << policy->quorum) != 0;
}

bool
tlog_policy_check(
    const struct tlog_policy *policy, struct bytes note, uint64_t *out_cosigned, struct error *err)
{
	*out_cosigned = 0;
	for (size_t i = 0; i < policy->node_count; i++) {
		struct error ignored = {0};
		int64_t at_s = 0;

		if (policy->nodes[i].is_witness &&
		    cosignature_verify(note, &policy->nodes[i].key, &at_s, &ignored))
			*out_cosigned |= UINT64_C(1) << i;
	}
	return tlog_policy_is_quorum(policy, *out_cosigned) ||
	       error_set(err, E_BAD_PROOF, "%d witnesses cosigned it, which is no quorum",
		   __builtin_popcountll(*out_cosigned));
}
