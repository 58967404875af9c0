/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front role: what its parts share. Built by front_main.c, handed to each service as its
 * first argument. Single-threaded but for the crypto pool.
 */
#ifndef API_FRONT_H
#define API_FRONT_H

#include "api/link.h"
#include "base/config.h"
#include "base/loop.h"
#include "base/pool.h"

struct metrics; /* api/metrics.h */
struct tls_server;

/* What front knows of one environment (or of the operators authority). */
struct front_env {
	const struct config_environment *config;
	struct link *signer;
	enum mc_err signer_state; /* MC_OK, MC_ESEALED, MC_ENOTREADY; refreshed by SIGNER_INFO polling */
	char signer_why[128];     /* what the signer says of a state that is not ready; may be empty */
	/* trust bundle from the ledger, refreshed on start, reload and every 5 s; NULL until known */
	char *bundle_pem;         /* all anchors, byte-stable */
	struct base_span anchors; /* the same as DER: le32 length, DER, repeated; owned */
	struct base_span issuers; /* CA certificates that the ledger knows, likewise */
	uint64_t bundle_sequence;
	uint8_t issuer_id[32];
	int64_t issuer_not_after_at;
	uint64_t signed_count, refused_count, signer_cpu_us;
	struct tls_server *tls;   /* gRPC listener's, or REST's for the operators; NULL: there is none */
};

struct front {
	struct base_loop *loop;
	struct config *config;    /* replaced whole on reload */
	struct base_pool *pool;   /* CSR, token checks */
	struct link *ledger;
	struct front_env *envs;   /* config order, then the operators last */
	size_t env_count;
	struct metrics *metrics;
	bool draining;
};

/* By name; NULL when unknown. CONFIG_OPERATORS names the operators authority. */
struct front_env *front_env_find(struct front *front, const char *name);
/* A fresh request id. */
void front_request_id(uint8_t out[16]);

/* Services. Each takes over listeners given to it. */
struct grpc_service; /* api/grpc_service.h: HTTP/2 gRPC listeners */
struct rest_service; /* api/rest_service.h: REST over the TLS terminator, and MHD behind it */
struct probe_service; /* api/probe_service.h: plain HTTP :15014 /metrics /healthz /readyz */

#endif
