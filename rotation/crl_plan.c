/* SPDX-License-Identifier: Apache-2.0 */
#include "rotation/crl_plan.h"

#define BACKOFF_MAX_S 60

enum crl_due
crl_plan_due(const struct crl_state *state, int64_t now_at)
{
	if (state->issuer_not_after_at <= now_at) {
		return CRL_DUE_NOT;
	}
	if (state->number == 0) {
		return CRL_DUE_FIRST;
	}
	if (state->newest_seq > state->covered_seq) {
		return CRL_DUE_REVOCATION;
	}
	/* The last CRL of an issuer runs to the issuer's own end and is not renewed. */
	if (state->next_update_at >= state->issuer_not_after_at) {
		return CRL_DUE_NOT;
	}
	if (now_at >= state->this_update_at + (state->next_update_at - state->this_update_at) / 2) {
		return CRL_DUE_HALF_LIFE;
	}
	return CRL_DUE_NOT;
}

const char *
crl_plan_word(enum crl_due due)
{
	switch (due) {
	case CRL_DUE_FIRST:
		return "first";
	case CRL_DUE_REVOCATION:
		return "revocation";
	case CRL_DUE_HALF_LIFE:
		return "half-life";
	case CRL_DUE_NOT:
	default:
		return "not-due";
	}
}

int64_t
crl_plan_backoff_s(unsigned failures)
{
	if (failures == 0) {
		return 0;
	}
	return failures > 6 ? BACKOFF_MAX_S : INT64_C(1) << (failures - 1);
}
