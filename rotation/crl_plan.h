/* SPDX-License-Identifier: Apache-2.0 */
/* When is a CRL due? Pure: state and time in, decision out. */
#ifndef ROTATION_CRL_PLAN_H
#define ROTATION_CRL_PLAN_H

#include <stdint.h>

/* What the ledger knows of one issuer's CRL. */
struct crl_state {
	uint64_t number;        /* of the current CRL; 0: there is none */
	int64_t this_update_at; /* seconds UTC */
	int64_t next_update_at;
	uint64_t covered_seq;   /* newest revocation that the CRL lists */
	uint64_t newest_seq;    /* newest revocation of this issuer's certificates */
	int64_t issuer_not_after_at;
};

enum crl_due {
	CRL_DUE_NOT = 0,
	CRL_DUE_FIRST,      /* Envoy refuses a chain when one of its CAs has no CRL */
	CRL_DUE_REVOCATION,
	CRL_DUE_HALF_LIFE
};

/* Returns why a CRL is due at now_at, or CRL_DUE_NOT. An expired issuer's CRL is never due. */
enum crl_due crl_plan_due(const struct crl_state *state, int64_t now_at);
/* "first", "revocation", "half-life"; "not-due". */
const char *crl_plan_word(enum crl_due due);

/* Wait before the next try after `failures` failures in a row: 1, 2, 4 .. 60 s. */
int64_t crl_plan_backoff_s(unsigned failures);

#endif
