/* handlers: what each route does: decode, operate, encode. Named in api/routes.c only. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/routes.h"

#define HANDLER(name)                                                                   \
	MUST_CHECK bool name(const struct app *app, const struct http_request *request, \
	    struct http_response *response, struct error *err)

HANDLER(post_enrollment);
HANDLER(post_renewal);
HANDLER(post_pseudonym);
HANDLER(get_est_cacerts);
HANDLER(get_est_csrattrs);
HANDLER(post_est_enroll);
HANDLER(post_est_reenroll);
HANDLER(post_est_serverkeygen);
HANDLER(post_verification);
HANDLER(get_device);
HANDLER(get_certificate);
HANDLER(post_revocation);
HANDLER(get_revocation);
HANDLER(post_batch);
HANDLER(get_batches);
HANDLER(get_batch);
HANDLER(post_tokens);
HANDLER(post_evaluation);
HANDLER(post_manifest);
HANDLER(get_manifest);
HANDLER(get_seat_sets);
HANDLER(post_disclosure);
HANDLER(get_disclosure);
HANDLER(post_disclosure_approval);
HANDLER(post_disclosure_rejection);
HANDLER(get_disclosure_package);
HANDLER(post_disclosure_receipt);
HANDLER(post_erasure);
HANDLER(get_erasure);
HANDLER(get_seat_shares);
HANDLER(post_seat_shares);
HANDLER(post_operator);
HANDLER(get_operators);
HANDLER(get_operator);
HANDLER(get_operator_certificate);
HANDLER(delete_operator);
HANDLER(post_operator_renewal);
HANDLER(get_operator_renewal);
HANDLER(get_events);
HANDLER(get_logs);
HANDLER(get_checkpoint);
HANDLER(get_tile);
HANDLER(post_export);
HANDLER(get_exports);
HANDLER(get_export);
HANDLER(get_export_result);
HANDLER(delete_export);
HANDLER(post_hold);
HANDLER(get_holds);
HANDLER(get_hold);
HANDLER(delete_hold);
HANDLER(get_inclusion);
HANDLER(get_consistency);
HANDLER(get_crl);
HANDLER(get_delta_crl);
HANDLER(get_ca);
HANDLER(get_ocsp);
HANDLER(post_ocsp);
HANDLER(get_changes);
HANDLER(get_snapshot);
HANDLER(get_trust_bundle);
HANDLER(get_health);
HANDLER(get_ready);
HANDLER(get_metrics);
HANDLER(get_openapi);

#endif
