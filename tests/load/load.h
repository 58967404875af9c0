/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's parts. A test program: what it cannot do it says on standard error, and exits. */
#ifndef TESTS_LOAD_H
#define TESTS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"

/* Prints a line and exits with status 1. */
MC_NORETURN void load_die(const char *fmt, ...) MC_PRINTF(1, 2);

/* --- load_csr.c: gRPC messages made beforehand, each with a key of its own --- */
enum load_kind { LOAD_P256, LOAD_RSA2048 };

struct load_requests {
	uint32_t count;
	uint32_t identities;      /* request i is of identity i % identities */
	const uint64_t *offsets;  /* count + 1 */
	const uint8_t *bytes;     /* the gRPC messages, prefix included */
};
/* From the cache in dir, or made with two threads and cached there. */
void load_requests_open(struct load_requests *requests, const char *dir, enum load_kind kind,
    uint32_t count, uint32_t identities);
struct base_span load_request(const struct load_requests *requests, uint32_t index);
/* Namespace and service account of an identity. */
void load_identity(uint32_t index, char *out, size_t len);

/* --- load_token.c --- */
struct load_tokens {
	uint32_t count;
	char **bearer; /* "Bearer ..." */
	size_t *len;
};
/* RS256 service-account tokens of so many identities. */
void load_tokens_make(struct load_tokens *tokens, const char *key_file, const char *kid,
    const char *issuer, uint32_t count);

/* --- load_conn.c: one client connection --- */
struct load_conn;

/* An answered or failed request. */
struct load_result {
	uint32_t index;       /* of the request */
	int grpc_status;      /* 0..16; -1: the connection broke */
	int64_t intended_us;
	struct base_span message; /* the gRPC message; empty unless status 0 */
};

struct load_target {
	struct base_loop *loop;
	void *tls; /* SSL_CTX */
	char host[64];
	uint16_t port;
	const char *name; /* of the server's certificate */
	const struct load_requests *requests;
	const struct load_tokens *tokens;
	void (*on_ready)(void *self, struct load_conn *conn);
	void (*on_result)(void *self, struct load_conn *conn, const struct load_result *result);
	/* The connection ended; its open requests were reported before. Freed after return. */
	void (*on_end)(void *self, struct load_conn *conn);
	void *self;
};
void load_target_open(struct load_target *target, const char *address, const char *ca_file);

/* owner: the caller's; source: last bytes of the loopback address it comes from. */
struct load_conn *load_conn_open(const struct load_target *target, void *owner,
    uint32_t source);
void *load_conn_owner(const struct load_conn *conn);
void load_conn_send(struct load_conn *conn, uint32_t index, int64_t intended_us);
unsigned load_conn_open_streams(const struct load_conn *conn);
/* Sends what was queued outside of its own callbacks. */
void load_conn_flush(struct load_conn *conn);
void load_conn_close(struct load_conn *conn);

/* --- load_check.c --- */
/* Whether an answer has the layout that ztunnel needs; thorough: and its leaf the request's key and the
 * issuer's signature. */
bool load_answer_ok(struct base_span message, struct base_span request, bool thorough);

/* --- load_proc.c: what the daemon used --- */
struct load_proc {
	int pid;
	char name[64]; /* program and label */
	int64_t cpu_us;
	int64_t rss_kib;
};
#define LOAD_PROCS 32
/* The process and its children. */
size_t load_procs_read(int pid, struct load_proc out[LOAD_PROCS]);
/* Its resident memory in KiB where a page that n processes share counts 1/n: the sum over processes is what all
 * of them take. 0 if it may not be read (another user's process). */
int64_t load_proc_pss(int pid);
/* GET of a plain-HTTP path; body into out. Returns microseconds, -1 on failure. */
int64_t load_http_get(const char *address, const char *path, struct base_buf *out);
/* One value of /metrics summed over its labels; -1 if there is none. */
double load_metric(const char *address, const char *name);

/* --- load_limit.c: what the machine can do at most --- */
/* Microseconds of one verification of a CSR's signature and one P-256 leaf signature. */
void load_crypto_limit(enum load_kind kind, double *verify_us, double *sign_us);
/* Median and worst microseconds of appending 4 KiB and fdatasync in dir. */
void load_sync_limit(const char *dir, double *median_us, double *worst_us);

/* --- the modes --- */
struct load_options {
	const char *target;
	const char *ca;
	const char *name;
	const char *cache;
	const char *token_key;
	const char *token_kid;
	const char *token_issuer;
	const char *metrics; /* address of the probes port, or NULL */
	const char *mode;    /* closed, open, storm, make, limits */
	enum load_kind kind;
	uint32_t count;
	uint32_t skip; /* requests used by an earlier run */
	uint32_t identities;
	uint32_t connections;
	uint32_t streams;
	uint32_t rate;
	double warm_s;
	double seconds;
	int daemon_pid;
};
void load_run(const struct load_options *options, const struct load_requests *requests,
    struct load_target *target);
void load_storm(const struct load_options *options, const struct load_requests *requests,
    struct load_target *target);

/* --- latencies --- */
struct load_times {
	int64_t *us;
	size_t count;
	size_t cap;
};
void load_times_add(struct load_times *times, int64_t us);
/* Sorts; share 0..1. */
double load_times_ms(struct load_times *times, double share);

#endif
