/*
 * log: one JSON object a line on standard error, for the operator of this host.
 *
 * Never a hardware id, pseudonym, serial, token, key or client address. The level
 * is the one mutable global of the program.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
MUST_CHECK bool log_level_of(const char *name, enum log_level *out); /* error warning info debug */

/* `event` is a fixed word such as "keeper.lost"; the text is printable ASCII. */
void log_write(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An error with its site, detail and cause; `request_id` or NULL. */
void log_error(
    enum log_level level, const char *event, const char *request_id, const struct error *err);

/* The same as log_write, of one request. */
void log_request(enum log_level level, const char *event, const char *request_id,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_info(event, ...) log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) log_write(LOG_LEVEL_WARNING, event, __VA_ARGS__)

#endif
