/* publish_store: the committed leaves of this node's log, for publishing. */
#ifndef AUDIT_PUBLISH_STORE_H
#define AUDIT_PUBLISH_STORE_H

#include "audit/tiles.h"
#include "db/db.h"

struct publish_leaves { /* context of the source */
	struct db *db;
	int log; /* 0: not looked up yet */
};

/* `leaves` has to live as long as the source is used; by one thread. */
struct tiles_source publish_source(struct publish_leaves *leaves);

const struct stmt *const *publish_statements(void);

#endif
