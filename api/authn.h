/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is calling: one table of authenticators, tried in order for the credentials that a request
 * carries. Keys belong to (environment, cluster) and are never looked up by issuer alone.
 */
#ifndef API_AUTHN_H
#define API_AUTHN_H

#include "api/front.h"
#include "api/tls_server.h"

#define AUTHN_SKEW_S 60 /* between a token issuer's clock and ours */

struct jose_keys;

/* An immutable picture of one environment's callers, shared with worker threads. */
struct authn_cluster {
	char *name;
	char *issuer;
	char *audience;
	struct jose_keys *keys;
};
struct authn_env {
	unsigned refs; /* the loop's thread only */
	char *name;
	char *trust_domain;
	struct authn_cluster *clusters;
	size_t cluster_count;
};
/* Returns NULL with MC_ECONFIG recorded when a cluster's keys are not acceptable. One reference. */
struct authn_env *authn_env_new(const struct config_environment *config);
struct authn_env *authn_env_ref(struct authn_env *env);
void authn_env_unref(struct authn_env *env);

/* What the request carries; views. peer only for authenticators that run on the loop. */
struct authn_input {
	const struct authn_env *env;
	struct base_span authorization; /* header; empty when absent */
	struct base_span cluster;       /* header clusterid */
	const struct tls_peer *peer;
	int64_t now_at;
};

/* Who it is; immutable. All strings live behind the struct. */
struct authn_verdict {
	unsigned refs;              /* the loop's thread only; made with one */
	int64_t expires_at;         /* do not use later */
	struct base_span identity;  /* SPIFFE ID */
	struct base_span ns;
	struct base_span sa;
	struct base_span cluster;
	struct base_span requester;
	struct base_span evidence;  /* JSON, at most LIMIT_EVIDENCE */
	uint8_t cert_sha256[32];    /* authn_cert: what the ledger must have */
	struct base_span serial;
	uint8_t text[];
};
struct authn_strings {
	struct base_span ns, sa, cluster, requester, evidence, serial;
};
/* Makes a verdict; the identity comes from env's trust domain. Returns NULL with MC_EIDENTITY when namespace
 * or service account are not well-formed. One reference. */
struct authn_verdict *authn_verdict_new(const struct authn_env *env,
    const struct authn_strings *strings, int64_t expires_at);
struct authn_verdict *authn_verdict_ref(struct authn_verdict *verdict);
void authn_verdict_unref(struct authn_verdict *verdict);

typedef void (*authn_confirm_fn)(void *self, enum mc_err status);

struct authenticator {
	const char *name;
	bool on_worker; /* check() needs time and no peer; its verdict may be kept for
	                   LIMIT_TOKEN_CACHE_S */
	/* must: the request carries this kind of credential */
	bool (*is_present)(const struct authn_input *in);
	/* must: pure and thread-safe. Returns MC_OK and *out (one reference), MC_ETOKEN or
	 * MC_ECLIENT_CERT. */
	enum mc_err (*check)(const struct authn_input *in, struct authn_verdict **out);
	/* may: what only the ledger knows, at every request; fn is called with MC_OK or the
	 * refusal. Returns MC_OK when fn will be called, exactly once, possibly after verdict is
	 * gone; self must live as long. */
	enum mc_err (*confirm)(struct front *front, const struct authn_env *env,
	    const struct authn_verdict *verdict, authn_confirm_fn fn, void *self);
};
extern const struct authenticator authn_jwt;
extern const struct authenticator authn_cert;
/* In order of trial; ends with NULL. */
extern const struct authenticator *const authn_table[];

/* Verdicts of tokens by SHA-256 over token, environment and cluster; bounded in number and time. */
struct authn_cache;
void authn_cache_free(struct authn_cache *cache);
struct authn_cache *authn_cache_new(void) MC_DEALLOC(authn_cache_free);
void authn_cache_key(const struct authn_input *in, uint8_t out[32]);
/* A reference that the caller drops, or NULL. */
struct authn_verdict *authn_cache_get(struct authn_cache *cache, const uint8_t key[32],
    int64_t now_at);
void authn_cache_put(struct authn_cache *cache, const uint8_t key[32],
    struct authn_verdict *verdict, int64_t now_at);
/* The keys changed: nothing kept counts any more. */
void authn_cache_flush(struct authn_cache *cache);
size_t authn_cache_count(const struct authn_cache *cache);

#endif
