/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe service knows, and the pure functions that write it down. */
#ifndef API_PROBE_INT_H
#define API_PROBE_INT_H

#include "api/front.h"
#include "base/buf.h"

/* A CA certificate as the last list of issuers told. */
struct probe_issuer {
	char environment[LIMIT_ENVIRONMENT + 1];
	uint8_t issuer_id[32];
	uint8_t profile; /* enum msg_profile */
	bool revoked;
	int64_t not_after_at;
	uint64_t crl_number; /* 0: none yet */
	int64_t crl_this_update_at;
	int64_t crl_next_update_at;
};

/* The ledger's last answers. */
struct probe_ledger {
	int64_t asked_boot_us; /* of the last good status answer; 0: none yet */
	enum mc_err status;    /* of the last answer */
	char detail[LIMIT_DETAIL + 1];
	uint64_t intent_count, signed_count, unconfirmed_count;
	uint64_t commit_count, commit_us, fsync_us_last, cpu_us;
	uint64_t disk_free_bytes;
	int64_t newest_intent_at;
	bool blocked;
	struct probe_issuer *issuers;
	size_t issuer_count;
};

#define PROBE_STALE_US 15000000 /* fifteen polls missed */

/* One part that must be there for /readyz. */
struct probe_part {
	const char *name; /* "ledger", or the environment */
	bool ready;
	bool optional;    /* does not count */
	char reason[LIMIT_DETAIL + 64]; /* why not; what to do */
};

/* The ledger first, then environments in their order, the operators authority last. parts holds
 * front->env_count + 1. Returns whether every part that counts is ready. */
bool probe_parts(const struct front *front, const struct probe_ledger *ledger, int64_t boot_us,
    struct probe_part *parts);
/* {"ready":true,"parts":[{"name","ready","reason"}]} */
void probe_ready_json(bool ready, const struct probe_part *parts, size_t count,
    struct base_buf *out);
/* All gauges that are not in struct metrics. now_at: wall time in seconds. */
void probe_gauges(const struct front *front, const struct probe_ledger *ledger, int64_t now_at,
    struct base_buf *out);

#endif
