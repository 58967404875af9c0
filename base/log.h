/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: one JSON object a line on standard error:
 * {"at":"2026-11-23T20:41:00.123456Z","level":"info","role":"signer","environment":"production",
 *  "event":"certificate-issued","request_id":"<32 hex>",...}
 * Values are escaped; a line is cut at LIMIT_LOG_LINE. Never pass a secret.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/err.h"

enum base_log_level { LOG_LVL_DEBUG, LOG_LVL_INFO, LOG_LVL_WARN, LOG_LVL_ERROR };

/* role and environment are kept by reference (static or for the process's life);
 * environment may be NULL. */
void base_log_open(const char *role, const char *environment, enum base_log_level least);

/* A field list ends with LOG_END:
 *   base_log(LOG_LVL_INFO, "listening", LOG_STR("address", addr), LOG_INT("port", 1), LOG_END);
 * event is a kebab-case word: what happened. */
struct base_log_field {
	const char *key; /* NULL ends the list */
	enum { LOG_T_STR, LOG_T_INT, LOG_T_HEX } kind;
	const void *ptr;
	int64_t num; /* the number, or the length of hex bytes */
};
#define LOG_STR(k, v) ((struct base_log_field){(k), LOG_T_STR, (v), 0})
#define LOG_INT(k, v) ((struct base_log_field){(k), LOG_T_INT, 0, (int64_t)(v)})
#define LOG_HEX(k, p, n) ((struct base_log_field){(k), LOG_T_HEX, (p), (int64_t)(n)})
#define LOG_RID(p) LOG_HEX("request_id", (p), 16)
#define LOG_END ((struct base_log_field){0, LOG_T_STR, 0, 0})
#define base_log(level, event, ...)                                                    \
	base_log_write((level), (event), (const struct base_log_field[]){__VA_ARGS__})
void base_log_write(enum base_log_level level, const char *event,
    const struct base_log_field *fields);
/* Logs code and the thread's error record (word, detail, file:line). */
void base_log_err(enum base_log_level level, const char *event, enum mc_err err);
/* Logs and exits with status 1: for what cannot go on at start-up or broken framing. */
void base_log_fatal(const char *event, enum mc_err err) MC_NORETURN;

#endif
