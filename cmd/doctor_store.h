/* doctor_store: what the main database says about itself. */
#ifndef CMD_DOCTOR_STORE_H
#define CMD_DOCTOR_STORE_H

#include "db/db.h"

struct doctor_facts {
	int64_t now_s;
	bool superuser, may_create; /* the service's role */
	bool logs_parameters;
	bool checksums;
	bool archives, archive_failing;
	int64_t connections_left;
};
MUST_CHECK bool doctor_store_facts(struct db *db, struct doctor_facts *out, struct error *err);

#endif
