/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPIFFE IDs of Kubernetes workloads: spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT
 * (Istio pkg/spiffe/spiffe.go; SPIFFE-ID section 2).
 */
#ifndef CA_SPIFFE_H
#define CA_SPIFFE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct spiffe_id {
	struct base_span trust_domain;
	struct base_span ns;
	struct base_span sa;
};

/* SPIFFE-ID 2.1: 1 to 255 of [a-z0-9.-_]. */
bool spiffe_trust_domain_valid(struct base_span name);
/* RFC 1123 label of at most 63, as Kubernetes namespaces are. */
bool spiffe_ns_valid(struct base_span ns);
/* RFC 1123 subdomain of at most 253, as Kubernetes service accounts are. */
bool spiffe_sa_valid(struct base_span sa);

/* Appends the URI to out. Returns MC_OK or MC_ESPIFFE_ID naming the bad part. */
enum mc_err spiffe_id_make(const struct spiffe_id *id, struct base_buf *out) MC_MUST_CHECK;
/* Strict reverse, for at most LIMIT_SPIFFE_ID bytes; views into uri. No port, user, query,
 * fragment, percent-encoding, empty or dot segment, trailing slash passes.
 * Returns MC_OK or MC_ESPIFFE_ID. */
enum mc_err spiffe_id_parse(struct base_span uri, struct spiffe_id *out) MC_MUST_CHECK;

#endif
