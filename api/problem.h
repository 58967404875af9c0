/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problem documents (RFC 9457): the one place where an error becomes an HTTP status.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "base/buf.h"

#define PROBLEM_MEDIA "application/problem+json"

/* HTTP status of an error: by its class, with the exceptions of one table. */
unsigned problem_status(enum mc_err err);
/* What the caller can do about it: one sentence, never NULL. */
const char *problem_action(enum mc_err err);
/* Seconds for Retry-After; 0: retrying does not help. */
unsigned problem_retry_s(enum mc_err err);
/* {"type":"urn:meshca:error:<word>","title","status","detail","action","request_id"}. detail may be NULL or
 * empty; bytes of it that are not UTF-8 make it fall away. */
void problem_render(enum mc_err err, const char *detail, const uint8_t request_id[16],
    struct base_buf *out);

#endif
