/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs (RFC 5280 section 5), version 2, complete and direct. */
#ifndef CA_CRL_H
#define CA_CRL_H

#include "ca/issuer.h"

struct crl;

void crl_free(struct crl *crl);
/* An empty list, number >= 1, this_update_at < next_update_at. */
struct crl *crl_new(uint64_t number, int64_t this_update_at, int64_t next_update_at)
    MC_DEALLOC(crl_free);

/* Adds the entries of one msg_revoked_list_ans. A reason of 0 is left out of the entry
 * (RFC 5280 5.3.1); a revocation after this_update_at, which is backdated, is listed as of then. Returns MC_OK, MC_EFRAME (malformed, or a reason that we do not
 * take) or MC_ETOOBIG above LIMIT_CRL. */
enum mc_err crl_add(struct crl *crl, struct base_span entries) MC_MUST_CHECK;

/* Signs the list and appends its DER to out. Returns MC_OK, MC_ETOOBIG or MC_ECRYPTO. */
enum mc_err crl_sign(struct crl *crl, struct issuer *issuer, struct base_buf *out)
    MC_MUST_CHECK;

#endif
