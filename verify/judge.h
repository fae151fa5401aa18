/* judge: one certificate by one bundle. Pure but for OpenSSL. */
#ifndef VERIFY_JUDGE_H
#define VERIFY_JUDGE_H

#include "verify/bundle.h"

/* `policy->now_s` is a time. *out was cleared. */
enum moniker_verdict mv_judge(const struct bundle *bundle, struct bytes certificate,
    const struct moniker_policy *policy, struct moniker_result *out);

#endif
