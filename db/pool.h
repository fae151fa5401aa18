/* pool: connections lent to one thread at a time. Internal to db/. */
#ifndef DB_POOL_H
#define DB_POOL_H

#include "db/conn.h"

MUST_CHECK bool pool_acquire(struct db *db, struct conn **out, struct error *err);
/* A transaction on one of its connections was rolled back because of another. */
void pool_lost_race(struct db *db, const char *sqlstate);
/* A connection that failed is closed. */
void pool_release(struct db *db, struct conn *conn);

#endif
