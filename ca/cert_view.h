/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of our own making, read back: strict DER, views into it. */
#ifndef CA_CERT_VIEW_H
#define CA_CERT_VIEW_H

#include "base/msg.h"

/* RFC 5280 4.2.1.3 as named bits */
enum cert_usage {
	CERT_KU_DIGITAL_SIGNATURE = 1 << 0,
	CERT_KU_KEY_ENCIPHERMENT = 1 << 2,
	CERT_KU_CERT_SIGN = 1 << 5,
	CERT_KU_CRL_SIGN = 1 << 6
};

struct cert_view {
	struct base_span whole;
	struct base_span tbs;
	struct base_span serial;  /* without sign byte */
	struct base_span issuer;  /* Name, DER */
	struct base_span subject; /* Name, DER */
	int64_t not_before_at;
	int64_t not_after_at;
	struct base_span spki;    /* DER */
	enum msg_key_alg key_alg;
	struct base_span key;
	struct base_span signature_alg; /* DER */
	struct base_span signature;     /* the BIT STRING's bytes */
	bool ca;                        /* basicConstraints */
	unsigned key_usage;             /* enum cert_usage; 0: absent */
	bool server_auth;
	bool client_auth;
	struct base_span key_id;        /* SKI; empty: absent */
	struct base_span issuer_key_id; /* AKI keyid; empty: absent */
	struct base_span san;           /* body of GeneralNames; empty: absent */
};

/* Reads one v3 certificate whose key has a typed form. An extension that we never issue
 * is refused if it is critical, skipped if not.
 * Returns MC_OK or MC_EENCODING. */
enum mc_err cert_view_parse(struct base_span der, struct cert_view *out) MC_MUST_CHECK;

/* The only CN of a subject of one RDN, a person's name; empty when it has another form. */
struct base_span cert_view_cn(const struct cert_view *view);

#endif
