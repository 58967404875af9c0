/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshca.yaml as typed values. Strict: unknown and duplicate keys, aliases, wrong types and
 * values out of range are refused with line, what, and what to write instead.
 * All strings are owned by the config. Every key is documented in docs/configuration.md, which a
 * test holds against the table in config_table.c.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

/* The reserved environment name of the operators authority. */
#define CONFIG_OPERATORS "operators"

enum config_key_alg {
	CONFIG_KEY_INVALID = 0,
	CONFIG_KEY_P256,
	CONFIG_KEY_P384,
	CONFIG_KEY_RSA2048,
	CONFIG_KEY_RSA3072,
	CONFIG_KEY_RSA4096
};

struct config_address {
	char host[64]; /* IP address text, v4 or v6 without brackets */
	uint16_t port;
};

/* One source of workload tokens: (environment, cluster) -> issuer, audience, keys. */
struct config_cluster {
	char *name;      /* Istio cluster id, as in the clusterid header */
	char *issuer;    /* exact iss */
	char *audience;  /* default istio-ca */
	char *jwks_file; /* path; read by the supervisor */
	char *jwks;      /* the file's text; NULL until config_load_files() */
	int line;
};

struct config_environment {
	char *name;
	char *trust_domain;            /* default cluster.local */
	struct config_address grpc;    /* listen; port 0 for operators */
	char **dns_names;              /* of the gRPC listener's certificate */
	size_t dns_name_count;
	char *key_dir;                 /* default <state_dir>/keys/<name> */
	char *passphrase_file;         /* NULL: sealed start */
	uid_t uid;                     /* of its signer; default the shared uid */
	gid_t gid;
	enum config_key_alg ca_key;      /* default rsa-4096 */
	enum config_key_alg issuing_key; /* default p-256 */
	int64_t ca_lifetime_s;         /* default 3650 days */
	int64_t issuing_lifetime_s;    /* default 90 days */
	int64_t svid_ttl_s;            /* default 24 h */
	int64_t svid_max_ttl_s;        /* default 7 days */
	int64_t server_ttl_s;          /* default 7 days: also its maximum */
	char **server_names;           /* DNS names, or "*.suffix", a server profile may carry;
	                                  those of the environment's own listener are added */
	size_t server_name_count;
	bool leaf_rsa;                 /* default true */
	bool leaf_p256;                /* default true */
	bool leaf_p384;                /* default false */
	uint32_t rate_per_s;           /* signatures per second; default 5000 */
	uint32_t rate_burst;           /* default 10000 */
	uint32_t verify_sample;        /* verify 1 in n leaf signatures; default 64, 1 = all */
	int64_t crl_lifetime_s;        /* issuing CA CRL; default 24 h */
	int64_t ca_crl_lifetime_s;     /* environment CA CRL; default 90 days */
	struct config_cluster *clusters;
	size_t cluster_count;
	int line;
};

struct config {
	uint8_t instance;       /* serial prefix, 1..127; default 1 */
	char *state_dir;        /* required: ledger and keys */
	char *run_dir;          /* admin socket; default <state_dir>/run */
	char *root_key_dir;     /* root CA; default <state_dir>/keys/root */
	uid_t uid, gid;         /* shared uid of roles without their own; 0 = no drop possible */
	uid_t front_uid, ledger_uid, keeper_uid;
	gid_t front_gid, ledger_gid, keeper_gid;
	struct config_address rest;   /* default 0.0.0.0:8443 */
	char **rest_dns_names;        /* default localhost */
	size_t rest_dns_name_count;
	struct config_address probes; /* default 0.0.0.0:15014 */
	char *ledger_path;            /* default <state_dir>/ledger/ledger.db: a folder of the ledger's own */
	uint32_t disk_reserve_mib;    /* default 64 */
	int64_t root_lifetime_s;      /* default 3650 days */
	int64_t user_ttl_s;           /* client certificates of people; default 90 days */
	uint32_t front_workers;       /* crypto threads of front; default number of cores */
	enum { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR } log_level;
	struct config_environment *environments; /* in file order; never the operators */
	size_t environment_count;
	struct config_environment operators;     /* its own small authority */
	uint8_t hash[32];       /* SHA-256 of the file's bytes */
	char *text;             /* the file as read, for the ledger's record */
	size_t text_len;
};

void config_free(struct config *config);
/* Parses and validates the whole text. path is only for messages. Pure: no I/O.
 * Returns the config, or NULL with MC_ECONFIG recorded as "path:line: what; what to do". Two
 * environments with equal issuer, audience and keys are refused once files are loaded. */
struct config *config_parse(const char *path, struct base_span text) MC_DEALLOC(config_free);
/* Reads the files that the config names (JWKS), at most LIMIT_CONFIG bytes each, and makes the checks
 * that need them. Returns MC_OK or MC_ECONFIG, which names key, file and fault. Only the supervisor
 * and the CLI do this; front receives the texts. */
enum mc_err config_load_files(struct config *config) MC_MUST_CHECK;
/* Opens, reads and parses path. Refuses a file that others can write. NULL with MC_ECONFIG recorded. */
struct config *config_read(const char *path) MC_DEALLOC(config_free);
/* By name; the operators authority for CONFIG_OPERATORS; NULL when unknown. */
const struct config_environment *config_environment(const struct config *config,
    const char *name);

/* Writes every key with type, range, default and meaning as Markdown: docs/configuration.md holds
 * it word for word. */
void config_reference(struct base_buf *out);

/* The config with loaded files as one blob of at most LIMIT_CONFIG_BLOB bytes, and back: what travels to
 * roles in a memfd. The descriptor is the caller's to close; -1 on failure. */
int config_to_memfd(const struct config *config);
/* Reads fd, which stays the caller's, and trusts nothing in it: the text is parsed again. NULL with the
 * failure recorded. */
struct config *config_from_fd(int fd) MC_DEALLOC(config_free);

#endif
