/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Upper bounds in microseconds: 100 us to 10 s, three to a decade. */
static const int64_t bounds_us[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
#define BOUND_COUNT (sizeof(bounds_us) / sizeof(bounds_us[0]))

struct histogram {
	uint64_t bucket[BOUND_COUNT + 1]; /* not cumulative; the last is +Inf */
	uint64_t count;
	uint64_t sum_us;
};

/* Every error of the product, for the refusals. */
static const enum mc_err errors[] = {
#define MC_ERR(class, number, name, word, text) name,
#include "base/err_list.h"
#undef MC_ERR
};
#define ERROR_COUNT (sizeof(errors) / sizeof(errors[0]))

struct metrics {
	uint64_t counter[METRICS_COUNTER_COUNT];
	int64_t gauge[METRICS_GAUGE_COUNT];
	struct histogram stage[METRICS_STAGE_COUNT];
	uint64_t refused[ERROR_COUNT];
};

struct row {
	const char *name;
	const char *label; /* NULL: none */
	const char *label_value;
	const char *help;
};

/* Rows of one name stand together: the format wants its samples in one group. */
static const struct row counter_rows[METRICS_COUNTER_COUNT] = {
    [METRICS_CSR] = {"citadel_server_csr_count", NULL, NULL,
	"The number of CSRs received by the CA."},
    [METRICS_AUTH_FAILURE] = {"citadel_server_authentication_failure_count", NULL, NULL,
	"The number of authentication failures."},
    [METRICS_CSR_PARSE_ERROR] = {"citadel_server_csr_parsing_err_count", NULL, NULL,
	"The number of errors when parsing the CSR."},
    [METRICS_ID_EXTRACT_ERROR] = {"citadel_server_id_extraction_err_count", NULL, NULL,
	"The number of errors when extracting the ID from the CSR."},
    [METRICS_SIGN_ERROR_NOT_READY] = {"citadel_server_csr_sign_err_count", "error",
	"CA_NOT_READY", "The number of errors when signing the CSR."},
    [METRICS_SIGN_ERROR_CSR] = {"citadel_server_csr_sign_err_count", "error", "CSR_ERROR",
	NULL},
    [METRICS_SIGN_ERROR_TTL] = {"citadel_server_csr_sign_err_count", "error", "TTL_ERROR",
	NULL},
    [METRICS_SIGN_ERROR_CERT] = {"citadel_server_csr_sign_err_count", "error",
	"CERT_GEN_ERROR", NULL},
    [METRICS_SIGN_ERROR_UNKNOWN] = {"citadel_server_csr_sign_err_count", "error", "UNKNOWN",
	NULL},
    [METRICS_SUCCESS] = {"citadel_server_success_cert_issuance_count", NULL, NULL,
	"The number of certificates issuances that have succeeded."},
    [METRICS_DUPLICATE] = {"meshca_duplicates_total", NULL, NULL,
	"Requests answered with an earlier certificate, by idempotency."},
    [METRICS_GRPC_REQUESTS] = {"meshca_requests_total", "port", "grpc",
	"Requests received."},
    [METRICS_REST_REQUESTS] = {"meshca_requests_total", "port", "rest", NULL},
    [METRICS_TOKEN_CACHE_HIT] = {"meshca_token_cache_total", "result", "hit",
	"Token verdicts looked up."},
    [METRICS_TOKEN_CACHE_MISS] = {"meshca_token_cache_total", "result", "miss", NULL},
    [METRICS_HANDSHAKE_OK] = {"meshca_tls_handshakes_total", "result", "ok",
	"TLS handshakes; resumed ones count under ok, too."},
    [METRICS_HANDSHAKE_RESUMED] = {"meshca_tls_handshakes_total", "result", "resumed", NULL},
    [METRICS_HANDSHAKE_FAILED] = {"meshca_tls_handshakes_total", "result", "failed", NULL},
    [METRICS_HANDSHAKE_LIMITED] = {"meshca_tls_handshakes_total", "result", "limited", NULL},
};

static const struct row gauge_rows[METRICS_GAUGE_COUNT] = {
    [METRICS_ADMISSION_QUEUE] = {"meshca_admission_queue", NULL, NULL,
	"Requests waiting for admission."},
    [METRICS_IN_FLIGHT] = {"meshca_in_flight", NULL, NULL,
	"Issuances sent to a signer and not yet answered."},
    [METRICS_TOKEN_CACHE] = {"meshca_token_cache_entries", NULL, NULL,
	"Token verdicts held."},
};

static const char *const stage_names[METRICS_STAGE_COUNT] = {
    [METRICS_HANDSHAKE] = "handshake",
    [METRICS_QUEUE] = "queue",
    [METRICS_AUTHENTICATE] = "authenticate",
    [METRICS_CSR_CHECK] = "csr",
    [METRICS_SIGN] = "sign",
    [METRICS_TOTAL] = "total",
};

void
metrics_free(struct metrics *metrics)
{
	free(metrics);
}

struct metrics *
metrics_new(void)
{
	return base_xcalloc(1, sizeof(struct metrics));
}

void
metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t n)
{
	if (counter > METRICS_COUNTER_INVALID && counter < METRICS_COUNTER_COUNT) {
		metrics->counter[counter] += n;
	}
}

uint64_t
metrics_get(const struct metrics *metrics, enum metrics_counter counter)
{
	if (counter <= METRICS_COUNTER_INVALID || counter >= METRICS_COUNTER_COUNT) {
		return 0;
	}
	return metrics->counter[counter];
}

void
metrics_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value)
{
	if (gauge > METRICS_GAUGE_INVALID && gauge < METRICS_GAUGE_COUNT) {
		metrics->gauge[gauge] = value;
	}
}

void
metrics_observe_us(struct metrics *metrics, enum metrics_stage stage, int64_t us)
{
	struct histogram *histogram;
	size_t i = 0;

	if (stage <= METRICS_STAGE_INVALID || stage >= METRICS_STAGE_COUNT) {
		return;
	}
	if (us < 0) {
		us = 0;
	}
	histogram = &metrics->stage[stage];
	while (i < BOUND_COUNT && us > bounds_us[i]) {
		i++;
	}
	histogram->bucket[i]++;
	histogram->count++;
	histogram->sum_us += (uint64_t)us;
}

void
metrics_refused(struct metrics *metrics, enum mc_err err)
{
	for (size_t i = 0; i < ERROR_COUNT; i++) {
		if (errors[i] == err) {
			metrics->refused[i]++;
			return;
		}
	}
}

void
metrics_sign_error(struct metrics *metrics, enum mc_err err)
{
	enum metrics_counter counter = METRICS_SIGN_ERROR_UNKNOWN;

	if (err == MC_ETTL) {
		counter = METRICS_SIGN_ERROR_TTL;
	} else {
		switch (mc_err_class(err)) {
		case MC_CLASS_USAGE:
		case MC_CLASS_POLICY:
			counter = METRICS_SIGN_ERROR_CSR;
			break;
		case MC_CLASS_BUSY:
		case MC_CLASS_IO:
			counter = METRICS_SIGN_ERROR_NOT_READY;
			break;
		case MC_CLASS_CRYPTO:
			counter = METRICS_SIGN_ERROR_CERT;
			break;
		case MC_CLASS_NONE:
		case MC_CLASS_AUTH:
		case MC_CLASS_DENIED:
		case MC_CLASS_NOTFOUND:
		case MC_CLASS_CONFLICT:
		case MC_CLASS_INTERNAL:
			break;
		}
	}
	metrics_add(metrics, counter, 1);
}

static void
put_label(struct base_buf *out, const char *label, const char *value)
{
	base_buf_appendf(out, "{%s=\"", label);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"') {
			base_buf_append_u8(out, '\\');
			base_buf_append_u8(out, (uint8_t)*p);
		} else if (*p == '\n') {
			base_buf_append_str(out, "\\n");
		} else {
			base_buf_append_u8(out, (uint8_t)*p);
		}
	}
	base_buf_append_str(out, "\"}");
}

void
metrics_put_head(struct base_buf *out, const char *name, const char *type, const char *help)
{
	base_buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
metrics_put_int(struct base_buf *out, const char *name, const char *label,
    const char *label_value, int64_t value)
{
	base_buf_append_str(out, name);
	if (label != NULL) {
		put_label(out, label, label_value);
	}
	base_buf_appendf(out, " %" PRId64 "\n", value);
}

void
metrics_put_seconds(struct base_buf *out, const char *name, const char *label,
    const char *label_value, int64_t us)
{
	base_buf_append_str(out, name);
	if (label != NULL) {
		put_label(out, label, label_value);
	}
	base_buf_appendf(out, " %s%lld.%06lld\n", us < 0 ? "-" : "", llabs(us / 1000000),
	    llabs(us % 1000000));
}

static void
put_counters(const struct metrics *metrics, struct base_buf *out)
{
	for (int i = METRICS_COUNTER_INVALID + 1; i < METRICS_COUNTER_COUNT; i++) {
		const struct row *row = &counter_rows[i];

		if (row->help != NULL) {
			metrics_put_head(out, row->name, "counter", row->help);
		}
		metrics_put_int(out, row->name, row->label, row->label_value,
		    (int64_t)metrics->counter[i]);
	}
}

static void
put_refused(const struct metrics *metrics, struct base_buf *out)
{
	metrics_put_head(out, "meshca_refused_total", "counter", "Requests refused, by error.");
	for (size_t i = 0; i < ERROR_COUNT; i++) {
		if (metrics->refused[i] != 0) {
			metrics_put_int(out, "meshca_refused_total", "error",
			    mc_err_word(errors[i]), (int64_t)metrics->refused[i]);
		}
	}
}

static void
put_histogram(struct base_buf *out, const char *stage, const struct histogram *histogram)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BOUND_COUNT; i++) {
		sum += histogram->bucket[i];
		base_buf_appendf(out,
		    "meshca_stage_seconds_bucket{stage=\"%s\",le=\"%g\"} %" PRIu64 "\n", stage,
		    (double)bounds_us[i] / 1e6, sum);
	}
	base_buf_appendf(out,
	    "meshca_stage_seconds_bucket{stage=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
	    "meshca_stage_seconds_sum{stage=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n"
	    "meshca_stage_seconds_count{stage=\"%s\"} %" PRIu64 "\n",
	    stage, histogram->count, stage, histogram->sum_us / 1000000,
	    histogram->sum_us % 1000000, stage, histogram->count);
}

void
metrics_render(const struct metrics *metrics, struct base_buf *out)
{
	put_counters(metrics, out);
	put_refused(metrics, out);
	for (int i = METRICS_GAUGE_INVALID + 1; i < METRICS_GAUGE_COUNT; i++) {
		const struct row *row = &gauge_rows[i];

		metrics_put_head(out, row->name, "gauge", row->help);
		metrics_put_int(out, row->name, NULL, NULL, metrics->gauge[i]);
	}
	metrics_put_head(out, "meshca_stage_seconds", "histogram",
	    "Time of a request in each stage.");
	for (int i = METRICS_STAGE_INVALID + 1; i < METRICS_STAGE_COUNT; i++) {
		put_histogram(out, stage_names[i], &metrics->stage[i]);
	}
}
