#include "ca/profile.h"

#define KEYS_ANY (CSR_KEY_P256 | CSR_KEY_P384 | CSR_KEY_ED25519 | CSR_KEY_RSA)

/* clang-format off */
static const struct profile PROFILES[] = {
	{
		.name = PROFILE_DEVICE, .key_types = KEYS_ANY, .ekus = PROFILE_CLIENT_AUTH,
		.validity_s = 365 * DAY_S, .same_key_renewal = true, .cdp = true, .ocsp = true, .for_devices = true,
	}, {
		.name = PROFILE_BIRTH, .key_types = KEYS_ANY, .ekus = PROFILE_CLIENT_AUTH,
		.validity_s = 5 * 365 * DAY_S, .same_key_renewal = true, .cdp = true, .for_devices = true, .birth = true,
	}, {
		.name = PROFILE_PSEUDONYM, .key_types = KEYS_ANY, .ekus = PROFILE_CLIENT_AUTH,
		.validity_s = 8 * DAY_S, .cdp = true, /* no OCSP: who asks would tell whom a verifier meets */
	}, {
		.name = PROFILE_OPERATOR, .key_types = KEYS_ANY, .ekus = PROFILE_CLIENT_AUTH,
		.validity_s = 365 * DAY_S,
	}, {
		.name = PROFILE_SERVICE, .key_types = CSR_KEY_P256, .ekus = PROFILE_SERVER_AUTH,
		.validity_s = 90 * DAY_S, .cdp = true,
	}, {
		.name = PROFILE_OCSP, .key_types = CSR_KEY_P256, .ekus = PROFILE_OCSP_SIGNING,
		.validity_s = 7 * DAY_S, .responder = true,
	},
};

static const struct {
	enum csr_key_type type;
	const char *name;
} KEY_NAMES[] = {
	{CSR_KEY_P256,    " P-256"},
	{CSR_KEY_P384,    " P-384"},
	{CSR_KEY_ED25519, " Ed25519"},
	{CSR_KEY_RSA,     " RSA"},
};
/* clang-format on */

const struct profile *
profile_find(const char *name)
{
	for (size_t i = 0; i < COUNT(PROFILES); i++)
		if (strcmp(PROFILES[i].name, name) == 0)
			return &PROFILES[i];
	return NULL;
}

bool
profile_check_key(const struct profile *profile, const struct csr *csr, struct error *err)
{
	DEFER(buf_clear_public) struct buf taken = {0};

	if (profile->key_types & csr_key_type(csr))
		return true;
	for (size_t i = 0; i < COUNT(KEY_NAMES); i++)
		if (profile->key_types & KEY_NAMES[i].type)
			buf_append_text(&taken, KEY_NAMES[i].name);
	return error_set_field(err, E_PROFILE_DENIED, "/csr", "the profile %s takes keys of:%s",
	    profile->name, buf_text(&taken));
}
