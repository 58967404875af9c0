/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves of an issuer, all the way: built, acknowledged, signed, joined. */
#ifndef TESTS_LEAF_MAKE_H
#define TESTS_LEAF_MAKE_H

#include "ca/cert.h"
#include "ca/issuer.h"
#include "ca_make.h"

#define LEAF_NOW 1795000000 /* 2026-11-18 */

static const uint8_t leaf_serial[CERT_SERIAL_LEN] = {1, 0x80, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15, 16};

static inline struct cert_leaf
leaf_svid(enum msg_key_alg alg, struct base_span key)
{
	return (struct cert_leaf){
	    .profile = MSG_PROFILE_SVID,
	    .serial = base_span_of(leaf_serial, sizeof(leaf_serial)),
	    .not_before_at = LEAF_NOW - 120,
	    .not_after_at = LEAF_NOW + 86400,
	    .key_alg = alg,
	    .key = key,
	    .id = {base_span_str("cluster.local"), base_span_str("ecotrack"),
		base_span_str("order-service")},
	};
}

/* Builds, has it acknowledged, signs, joins. */
static inline enum mc_err
leaf_issue(struct issuer *issuer, const struct cert_leaf *leaf, struct base_buf *cert)
{
	struct base_buf tbs, tail;
	struct issuer_ack ack;
	struct msg_intent_ans answer = {.status = MC_OK, .seq = 7};
	uint8_t spki[32];

	base_buf_init(&tbs, LIMIT_TBS);
	base_buf_init(&tail, LIMIT_SIGNATURE);
	enum mc_err ret = cert_leaf_build(leaf, issuer_cert(issuer), &tbs, spki);
	if (ret == MC_OK) {
		ret = issuer_ack_read(&answer, base_buf_span(&tbs), &ack);
	}
	if (ret == MC_OK) {
		ret = issuer_sign_leaf(issuer, &ack, base_buf_span(&tbs), &tail);
	}
	if (ret == MC_OK) {
		cert_join(base_buf_span(&tbs), base_buf_span(&tail), cert);
	}
	base_buf_clear(&tbs);
	base_buf_clear(&tail);
	return ret;
}

#endif
