/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front's counters, gauges and latency histograms, and their Prometheus text.
 *
 * The citadel_server_* names are those of istiod's own CA (Istio
 * security/pkg/server/ca/monitoring.go), with the same meaning, so that dashboards go on
 * working. Everything else is meshca_*. One thread only: the loop's.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum metrics_counter {
	METRICS_COUNTER_INVALID = 0,
	METRICS_CSR,               /* CreateCertificate requests */
	METRICS_AUTH_FAILURE,      /* of them: no authenticator took the caller */
	METRICS_CSR_PARSE_ERROR,   /* CSR not PEM, not DER, no proof of possession */
	METRICS_ID_EXTRACT_ERROR,  /* the CSR's SAN is not one readable identity */
	METRICS_SIGN_ERROR_NOT_READY, /* see metrics_sign_error() */
	METRICS_SIGN_ERROR_CSR,
	METRICS_SIGN_ERROR_TTL,
	METRICS_SIGN_ERROR_CERT,
	METRICS_SIGN_ERROR_UNKNOWN,
	METRICS_SUCCESS,           /* CreateCertificate answered with a certificate */
	METRICS_DUPLICATE,         /* of them: an earlier certificate, by idempotency */
	METRICS_GRPC_REQUESTS,
	METRICS_REST_REQUESTS,
	METRICS_TOKEN_CACHE_HIT,
	METRICS_TOKEN_CACHE_MISS,
	METRICS_HANDSHAKE_OK,      /* TLS, all listeners */
	METRICS_HANDSHAKE_RESUMED, /* of them: by session ticket */
	METRICS_HANDSHAKE_FAILED,
	METRICS_HANDSHAKE_LIMITED, /* accepted later: handshake rate or connection limit */
	METRICS_COUNTER_COUNT
};

enum metrics_gauge {
	METRICS_GAUGE_INVALID = 0,
	METRICS_ADMISSION_QUEUE, /* requests that wait for credit */
	METRICS_IN_FLIGHT,       /* requests sent to a signer, not answered */
	METRICS_TOKEN_CACHE,     /* verdicts held */
	METRICS_GAUGE_COUNT
};

/* Where an issuance spends its time. */
enum metrics_stage {
	METRICS_STAGE_INVALID = 0,
	METRICS_HANDSHAKE,    /* TLS, accept to finished */
	METRICS_QUEUE,        /* admission queue */
	METRICS_AUTHENTICATE,
	METRICS_CSR_CHECK,
	METRICS_SIGN,         /* signer and ledger: sent to answered */
	METRICS_TOTAL,        /* request complete to answer queued */
	METRICS_STAGE_COUNT
};

struct metrics;

void metrics_free(struct metrics *metrics);
struct metrics *metrics_new(void) MC_DEALLOC(metrics_free);

void metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t n);
uint64_t metrics_get(const struct metrics *metrics, enum metrics_counter counter);
void metrics_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value);
/* One duration; a negative one counts as zero. */
void metrics_observe_us(struct metrics *metrics, enum metrics_stage stage, int64_t us);
/* A request was refused with this code, on any port: meshca_refused_total{error="<word>"}. */
void metrics_refused(struct metrics *metrics, enum mc_err err);
/* CreateCertificate was refused after authentication: counts under istiod's error classes
 * (Istio security/pkg/pki/error/error.go), and not under metrics_refused(). */
void metrics_sign_error(struct metrics *metrics, enum mc_err err);

/* Appends all of the above in the text format, version 0.0.4. */
void metrics_render(const struct metrics *metrics, struct base_buf *out);

/* Pieces for whoever renders values that are known elsewhere. type: "counter" or "gauge". */
void metrics_put_head(struct base_buf *out, const char *name, const char *type,
    const char *help);
/* label NULL: no label. The value of a label is escaped. */
void metrics_put_int(struct base_buf *out, const char *name, const char *label,
    const char *label_value, int64_t value);
void metrics_put_seconds(struct base_buf *out, const char *name, const char *label,
    const char *label_value, int64_t us);

#endif
