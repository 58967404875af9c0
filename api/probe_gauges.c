/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/probe_int.h"
#include "api/tls_server.h"
#include "base/clock.h"
#include "base/enc.h"

static bool
is_mesh(const struct front_env *env)
{
	return strcmp(env->config->name, CONFIG_OPERATORS) != 0;
}

/* Soonest end of life among the mesh environments' CAs of a profile; 0: none known. */
static int64_t
soonest(const struct probe_ledger *ledger, enum msg_profile profile)
{
	int64_t at = 0;

	for (size_t i = 0; i < ledger->issuer_count; i++) {
		const struct probe_issuer *issuer = &ledger->issuers[i];

		if (issuer->profile == profile &&
		    strcmp(issuer->environment, CONFIG_OPERATORS) != 0 &&
		    (at == 0 || issuer->not_after_at < at)) {
			at = issuer->not_after_at;
		}
	}
	return at;
}

/* istiod's CA has one root and one signing chain. We have several environments, so these four
 * tell of the one that ends first: what an alarm on them wants. */
static void
put_istiod(const struct front *front, const struct probe_ledger *ledger, int64_t now_at,
    struct base_buf *out)
{
	int64_t root_at = soonest(ledger, MSG_PROFILE_ENVIRONMENT);
	int64_t chain_at = 0;

	for (size_t i = 0; i < front->env_count; i++) {
		int64_t at = front->envs[i].issuer_not_after_at;

		if (is_mesh(&front->envs[i]) && at != 0 && (chain_at == 0 || at < chain_at)) {
			chain_at = at;
		}
	}
	metrics_put_head(out, "citadel_server_root_cert_expiry_timestamp", "gauge",
	    "The unix timestamp, in seconds, when the root cert will expire.");
	metrics_put_int(out, "citadel_server_root_cert_expiry_timestamp", NULL, NULL, root_at);
	metrics_put_head(out, "citadel_server_root_cert_expiry_seconds", "gauge",
	    "The time remaining, in seconds, before the root cert will expire.");
	metrics_put_int(out, "citadel_server_root_cert_expiry_seconds", NULL, NULL,
	    root_at == 0 ? 0 : root_at - now_at);
	metrics_put_head(out, "citadel_server_cert_chain_expiry_timestamp", "gauge",
	    "The unix timestamp, in seconds, when the CA cert chain will expire.");
	metrics_put_int(out, "citadel_server_cert_chain_expiry_timestamp", NULL, NULL, chain_at);
	metrics_put_head(out, "citadel_server_cert_chain_expiry_seconds", "gauge",
	    "The time remaining, in seconds, before the CA cert chain will expire.");
	metrics_put_int(out, "citadel_server_cert_chain_expiry_seconds", NULL, NULL,
	    chain_at == 0 ? 0 : chain_at - now_at);
}

struct env_row {
	const char *name;
	const char *type;
	const char *help;
	int64_t (*value)(const struct front_env *env);
	bool micros; /* value is microseconds, shown in seconds */
};

static int64_t
env_ready(const struct front_env *env)
{
	return env->signer_state == MC_OK && link_is_up(env->signer);
}

static int64_t
env_sealed(const struct front_env *env)
{
	return env->signer_state == MC_ESEALED;
}

static int64_t
env_signed(const struct front_env *env)
{
	return (int64_t)env->signed_count;
}

static int64_t
env_refused(const struct front_env *env)
{
	return (int64_t)env->refused_count;
}

static int64_t
env_cpu_us(const struct front_env *env)
{
	return (int64_t)env->signer_cpu_us;
}

static int64_t
env_issuer_at(const struct front_env *env)
{
	return env->issuer_not_after_at;
}

static int64_t
env_bundle(const struct front_env *env)
{
	return (int64_t)env->bundle_sequence;
}

static int64_t
env_connections(const struct front_env *env)
{
	return env->tls == NULL ? 0 : tls_server_connections(env->tls);
}

static const struct env_row env_rows[] = {
    {"meshca_signer_ready", "gauge", "1: the environment's signer issues.", env_ready, false},
    {"meshca_signer_sealed", "gauge", "1: the environment's signer waits for its passphrase.",
	env_sealed, false},
    {"meshca_signer_signatures_total", "counter",
	"Leaves signed since the signer started.", env_signed, false},
    {"meshca_signer_refused_total", "counter",
	"Requests that the signer refused since it started.", env_refused, false},
    {"meshca_signer_cpu_seconds_total", "counter", "CPU time of the signer process.",
	env_cpu_us, true},
    {"meshca_issuer_expiry_timestamp", "gauge",
	"When the active issuing CA ends, unix seconds; 0: not known.", env_issuer_at, false},
    {"meshca_bundle_sequence", "gauge", "Version of the environment's trust bundle.",
	env_bundle, false},
    {"meshca_connections", "gauge", "Open connections of the environment's listener.",
	env_connections, false},
};

static void
put_environments(const struct front *front, struct base_buf *out)
{
	for (size_t r = 0; r < sizeof(env_rows) / sizeof(env_rows[0]); r++) {
		const struct env_row *row = &env_rows[r];

		metrics_put_head(out, row->name, row->type, row->help);
		for (size_t i = 0; i < front->env_count; i++) {
			const struct front_env *env = &front->envs[i];

			(row->micros ? metrics_put_seconds : metrics_put_int)(
			    out, row->name, "environment", env->config->name, row->value(env));
		}
	}
}

static void
put_ledger(const struct front *front, const struct probe_ledger *ledger, struct base_buf *out)
{
	const struct {
		const char *name, *type, *help;
		uint64_t value;
		bool micros;
	} rows[] = {
	    {"meshca_ledger_up", "gauge", "1: the ledger process is connected.",
		link_is_up(front->ledger), false},
	    {"meshca_ledger_intents_total", "counter", "Intents in the ledger.",
		ledger->intent_count, false},
	    {"meshca_ledger_signatures_total", "counter", "Signatures in the ledger.",
		ledger->signed_count, false},
	    {"meshca_ledger_unconfirmed", "gauge",
		"Intents from before a restart without a recorded signature.",
		ledger->unconfirmed_count, false},
	    {"meshca_ledger_newest_intent_timestamp", "gauge", "Time of the newest intent.",
		(uint64_t)ledger->newest_intent_at, false},
	    {"meshca_ledger_commits_total", "counter",
		"Commits since the ledger process started.", ledger->commit_count, false},
	    {"meshca_ledger_commit_seconds_total", "counter", "Time in these commits.",
		ledger->commit_us, true},
	    {"meshca_ledger_commit_seconds_last", "gauge", "Time of the last commit.",
		ledger->fsync_us_last, true},
	    {"meshca_ledger_disk_free_bytes", "gauge", "Free bytes on the ledger's disk.",
		ledger->disk_free_bytes, false},
	    {"meshca_ledger_blocked", "gauge", "1: the disk is under its reserve.",
		ledger->blocked, false},
	    {"meshca_ledger_cpu_seconds_total", "counter", "CPU time of the ledger process.",
		ledger->cpu_us, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_put_head(out, rows[i].name, rows[i].type, rows[i].help);
		(rows[i].micros ? metrics_put_seconds : metrics_put_int)(
		    out, rows[i].name, NULL, NULL, (int64_t)rows[i].value);
	}
}

static void
put_crls(const struct probe_ledger *ledger, int64_t now_at, struct base_buf *out)
{
	char id[65];

	metrics_put_head(out, "meshca_crl_number", "gauge", "Number of the current CRL, by issuer.");
	for (size_t i = 0; i < ledger->issuer_count; i++) {
		base_enc_hex(ledger->issuers[i].issuer_id, 32, id);
		metrics_put_int(out, "meshca_crl_number", "issuer", id,
		    (int64_t)ledger->issuers[i].crl_number);
	}
	metrics_put_head(out, "meshca_crl_age_seconds", "gauge", "Age of the current CRL.");
	for (size_t i = 0; i < ledger->issuer_count; i++) {
		if (ledger->issuers[i].crl_number != 0) {
			base_enc_hex(ledger->issuers[i].issuer_id, 32, id);
			metrics_put_int(out, "meshca_crl_age_seconds", "issuer", id,
			    now_at - ledger->issuers[i].crl_this_update_at);
		}
	}
	metrics_put_head(out, "meshca_crl_remaining_seconds", "gauge",
	    "Time until the current CRL's nextUpdate.");
	for (size_t i = 0; i < ledger->issuer_count; i++) {
		if (ledger->issuers[i].crl_number != 0) {
			base_enc_hex(ledger->issuers[i].issuer_id, 32, id);
			metrics_put_int(out, "meshca_crl_remaining_seconds", "issuer", id,
			    ledger->issuers[i].crl_next_update_at - now_at);
		}
	}
}

/* Peak, when /proc is out of reach of the sandbox. */
static int64_t
resident_bytes(void)
{
	struct rusage usage;
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *end;
	long pages = 0;

	if (fd >= 0) {
		close(fd);
	}
	if (n > 0) {
		text[n] = '\0';
		end = strchr(text, ' ');
		pages = end == NULL ? 0 : strtol(end, NULL, 10);
	}
	if (pages > 0) {
		return (int64_t)pages * sysconf(_SC_PAGESIZE);
	}
	return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

void
probe_gauges(const struct front *front, const struct probe_ledger *ledger, int64_t now_at,
    struct base_buf *out)
{
	put_istiod(front, ledger, now_at, out);
	put_environments(front, out);
	put_ledger(front, ledger, out);
	put_crls(ledger, now_at, out);
	metrics_put_head(out, "process_cpu_seconds_total", "counter", "CPU time of the front.");
	metrics_put_seconds(out, "process_cpu_seconds_total", NULL, NULL, base_clock_cpu_us());
	metrics_put_head(out, "process_resident_memory_bytes", "gauge", "Memory of the front.");
	metrics_put_int(out, "process_resident_memory_bytes", NULL, NULL, resident_bytes());
	metrics_put_head(out, "meshca_build_info", "gauge", "The version that runs.");
	metrics_put_int(out, "meshca_build_info", "version", MESHCA_VERSION, 1);
}
