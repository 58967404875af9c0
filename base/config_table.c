/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of meshca.yaml, once: the reader, the reference and its test walk these tables. */
#include "base/config_int.h"

#define S_MIN 60
#define S_HOUR (60 * S_MIN)
#define S_DAY (24 * S_HOUR)
#define S_YEAR (365 * S_DAY)

#define AT(type, field) offsetof(struct type, field)
#define TABLE(keys) {(keys), sizeof(keys) / sizeof((keys)[0])}

static const struct config_key CLUSTER_KEYS[] = {
    {.name = "name", .kind = CONFIG_T_TEXT, .offset = AT(config_cluster, name),
	.max = LIMIT_CLUSTER, .fallback = "Kubernetes",
	.doc = "Istio cluster id, as clients send it in the `clusterid` header"},
    {.name = "issuer", .kind = CONFIG_T_TEXT, .offset = AT(config_cluster, issuer),
	.max = 2048, .required = true,
	.doc = "exact `iss` of the cluster's service-account tokens"},
    {.name = "audience", .kind = CONFIG_T_TEXT, .offset = AT(config_cluster, audience),
	.max = 253, .fallback = "istio-ca", .doc = "`aud` that a token must carry"},
    {.name = "jwks_file", .kind = CONFIG_T_PATH, .offset = AT(config_cluster, jwks_file),
	.required = true,
	.doc = "the keys that sign these tokens (`kubectl get --raw /openid/v1/jwks`)"},
};
static const struct config_table CLUSTER = TABLE(CLUSTER_KEYS);

static const struct config_key GRPC_KEYS[] = {
    {.name = "listen", .kind = CONFIG_T_ADDRESS, .offset = AT(config_environment, grpc),
	.required = true, .doc = "address of the environment's gRPC listener"},
    {.name = "dns_names", .kind = CONFIG_T_NAMES,
	.offset = AT(config_environment, dns_names),
	.offset2 = AT(config_environment, dns_name_count), .max = LIMIT_DNS_NAMES,
	.fallback = "localhost",
	.doc = "names in the listener's certificate: the host of Istio's `caAddress`"},
};
static const struct config_table GRPC = TABLE(GRPC_KEYS);

static const struct config_key SVID_KEYS[] = {
    {.name = "ttl", .kind = CONFIG_T_DURATION, .offset = AT(config_environment, svid_ttl_s),
	.min = 10, .max = S_YEAR, .fallback = "24h",
	.doc = "lifetime of a workload certificate when the request names none"},
    {.name = "max_ttl", .kind = CONFIG_T_DURATION,
	.offset = AT(config_environment, svid_max_ttl_s), .min = 10, .max = S_YEAR,
	.fallback = "7d", .doc = "longest lifetime that a request may name"},
    {.name = "key_types", .kind = CONFIG_T_KEY_TYPES, .fallback = "rsa, p-256",
	.doc = "leaf keys taken, of `rsa` (2048-4096 bits), `p-256`, `p-384`"},
};
static const struct config_table SVID = TABLE(SVID_KEYS);

#define SERVER_TTL                                                                        \
	{.name = "ttl", .kind = CONFIG_T_DURATION, .offset = AT(config_environment, server_ttl_s), \
	    .min = 10, .max = S_YEAR, .fallback = "7d",                                   \
	    .doc = "lifetime of a server certificate, and its maximum"}

static const struct config_key SERVER_KEYS[] = {
    SERVER_TTL,
    {.name = "names", .kind = CONFIG_T_PATTERNS,
	.offset = AT(config_environment, server_names),
	.offset2 = AT(config_environment, server_name_count), .max = 64,
	.doc = "DNS names, or `*.suffix`, that a server certificate may carry beside "
	       "`grpc.dns_names`"},
};
static const struct config_table SERVER = TABLE(SERVER_KEYS);

static const struct config_key OPERATORS_SERVER_KEYS[] = {SERVER_TTL};
static const struct config_table OPERATORS_SERVER = TABLE(OPERATORS_SERVER_KEYS);

static const struct config_key RATE_KEYS[] = {
    {.name = "per_second", .kind = CONFIG_T_UINT, .offset = AT(config_environment, rate_per_s),
	.min = 1, .max = 1000000, .fallback = "5000", .doc = "signatures per second, sustained"},
    {.name = "burst", .kind = CONFIG_T_UINT, .offset = AT(config_environment, rate_burst),
	.min = 1, .max = 1000000, .fallback = "10000", .doc = "signatures at once"},
};
static const struct config_table RATE = TABLE(RATE_KEYS);

static const struct config_key CRL_KEYS[] = {
    {.name = "lifetime", .kind = CONFIG_T_DURATION,
	.offset = AT(config_environment, crl_lifetime_s), .min = 10, .max = S_YEAR,
	.fallback = "24h", .doc = "of an issuing CA's CRL; renewed at half"},
    {.name = "ca_lifetime", .kind = CONFIG_T_DURATION,
	.offset = AT(config_environment, ca_crl_lifetime_s), .min = 10, .max = S_YEAR,
	.fallback = "90d", .doc = "of the environment CA's CRL; renewed at half"},
};
static const struct config_table CRL = TABLE(CRL_KEYS);

/* What an environment and the operators authority have in common. */
#define AUTHORITY_KEYS                                                                    \
	{.name = "key_dir", .kind = CONFIG_T_PATH, .offset = AT(config_environment, key_dir), \
	    .doc = "folder of its key files; default `<state_dir>/keys/<name>`"},         \
	{.name = "passphrase_file", .kind = CONFIG_T_PATH,                                \
	    .offset = AT(config_environment, passphrase_file),                            \
	    .doc = "its passphrase; without one it starts sealed"},                       \
	{.name = "user", .kind = CONFIG_T_USER, .offset = AT(config_environment, uid),    \
	    .offset2 = AT(config_environment, gid),                                       \
	    .doc = "user of its signer; default the shared `user`"},                      \
	{.name = "ca_key", .kind = CONFIG_T_KEY_ALG, .offset = AT(config_environment, ca_key), \
	    .fallback = "rsa-4096", .doc = "key of its CA"},                              \
	{.name = "issuing_key", .kind = CONFIG_T_KEY_ALG,                                 \
	    .offset = AT(config_environment, issuing_key), .fallback = "p-256",           \
	    .doc = "key of its issuing CAs"},                                             \
	{.name = "ca_lifetime", .kind = CONFIG_T_DURATION,                                \
	    .offset = AT(config_environment, ca_lifetime_s), .min = S_HOUR,               \
	    .max = 30LL * S_YEAR, .fallback = "3650d", .doc = "of its CA certificate"},   \
	{.name = "issuing_lifetime", .kind = CONFIG_T_DURATION,                           \
	    .offset = AT(config_environment, issuing_lifetime_s), .min = S_MIN,           \
	    .max = 30LL * S_YEAR, .fallback = "90d", .doc = "of an issuing CA certificate"}, \
	{.name = "verify_sample", .kind = CONFIG_T_UINT,                                  \
	    .offset = AT(config_environment, verify_sample), .min = 1, .max = 1000000,    \
	    .fallback = "64", .doc = "verify one in so many signatures; 1 is all"},       \
	{.name = "crl", .kind = CONFIG_T_SECTION, .table = &CRL}

static const struct config_key OPERATORS_KEYS[] = {
    {.name = "trust_domain", .kind = CONFIG_T_DOMAIN,
	.offset = AT(config_environment, trust_domain), .fallback = "operators.meshca",
	.doc = "of the operators authority's CA certificates"},
    AUTHORITY_KEYS,
    {.name = "server", .kind = CONFIG_T_SECTION, .table = &OPERATORS_SERVER},
};
const struct config_table config_table_operators = TABLE(OPERATORS_KEYS);

static const struct config_key ENVIRONMENT_KEYS[] = {
    {.name = "name", .kind = CONFIG_T_LABEL, .offset = AT(config_environment, name),
	.required = true,
	.doc = "lower-case letters, digits and `-`; `operators` and `root` are reserved"},
    {.name = "trust_domain", .kind = CONFIG_T_DOMAIN,
	.offset = AT(config_environment, trust_domain), .fallback = "cluster.local",
	.doc = "SPIFFE trust domain of its workloads"},
    {.name = "grpc", .kind = CONFIG_T_SECTION, .table = &GRPC, .required = true},
    AUTHORITY_KEYS,
    {.name = "svid", .kind = CONFIG_T_SECTION, .table = &SVID},
    {.name = "server", .kind = CONFIG_T_SECTION, .table = &SERVER},
    {.name = "rate", .kind = CONFIG_T_SECTION, .table = &RATE},
    {.name = "clusters", .kind = CONFIG_T_CLUSTERS, .table = &CLUSTER,
	.doc = "whose service-account tokens are accepted: (environment, cluster) to keys"},
};
const struct config_table config_table_environment = TABLE(ENVIRONMENT_KEYS);

static const struct config_key REST_KEYS[] = {
    {.name = "listen", .kind = CONFIG_T_ADDRESS, .offset = AT(config, rest),
	.fallback = "0.0.0.0:8443", .doc = "address of the REST listener"},
    {.name = "dns_names", .kind = CONFIG_T_NAMES, .offset = AT(config, rest_dns_names),
	.offset2 = AT(config, rest_dns_name_count), .max = LIMIT_DNS_NAMES,
	.fallback = "localhost", .doc = "names in its certificate"},
};
static const struct config_table REST = TABLE(REST_KEYS);

static const struct config_key PROBES_KEYS[] = {
    {.name = "listen", .kind = CONFIG_T_ADDRESS, .offset = AT(config, probes),
	.fallback = "0.0.0.0:15014", .doc = "address of /metrics, /healthz and /readyz"},
};
static const struct config_table PROBES = TABLE(PROBES_KEYS);

static const struct config_key LEDGER_KEYS[] = {
    {.name = "path", .kind = CONFIG_T_PATH, .offset = AT(config, ledger_path),
	.doc = "the database; default `<state_dir>/ledger/ledger.db`"},
    {.name = "disk_reserve_mib", .kind = CONFIG_T_UINT, .offset = AT(config, disk_reserve_mib),
	.min = 1, .max = 1 << 20, .fallback = "64",
	.doc = "issuance stops when less is free; revocation goes on"},
};
static const struct config_table LEDGER = TABLE(LEDGER_KEYS);

static const struct config_key TOP_KEYS[] = {
    {.name = "instance", .kind = CONFIG_T_INSTANCE, .offset = AT(config, instance), .min = 1,
	.max = 127, .fallback = "1", .doc = "first byte of every serial number"},
    {.name = "state_dir", .kind = CONFIG_T_PATH, .offset = AT(config, state_dir),
	.required = true, .doc = "folder of keys and ledger"},
    {.name = "run_dir", .kind = CONFIG_T_PATH, .offset = AT(config, run_dir),
	.doc = "folder of the local admin socket; default `<state_dir>/run`"},
    {.name = "root_key_dir", .kind = CONFIG_T_PATH, .offset = AT(config, root_key_dir),
	.doc = "folder of the root key, used in ceremonies only; default `<state_dir>/keys/root`"},
    {.name = "root_lifetime", .kind = CONFIG_T_DURATION, .offset = AT(config, root_lifetime_s),
	.min = S_DAY, .max = 30LL * S_YEAR, .fallback = "3650d", .doc = "of the root certificate"},
    {.name = "user_ttl", .kind = CONFIG_T_DURATION, .offset = AT(config, user_ttl_s),
	.min = 10, .max = S_YEAR, .fallback = "90d",
	.doc = "lifetime of people's client certificates"},
    {.name = "log_level", .kind = CONFIG_T_LOG_LEVEL, .offset = AT(config, log_level),
	.fallback = "info", .doc = "least level that is logged"},
    {.name = "user", .kind = CONFIG_T_USER, .offset = AT(config, uid),
	.offset2 = AT(config, gid),
	.doc = "user (name or number) of every role that has none of its own; without it "
	       "roles keep the daemon's"},
    {.name = "front_user", .kind = CONFIG_T_USER, .offset = AT(config, front_uid),
	.offset2 = AT(config, front_gid), .doc = "user of the front"},
    {.name = "ledger_user", .kind = CONFIG_T_USER, .offset = AT(config, ledger_uid),
	.offset2 = AT(config, ledger_gid), .doc = "user of the ledger"},
    {.name = "keeper_user", .kind = CONFIG_T_USER, .offset = AT(config, keeper_uid),
	.offset2 = AT(config, keeper_gid), .doc = "user of the keeper"},
    {.name = "front_workers", .kind = CONFIG_T_UINT, .offset = AT(config, front_workers),
	.min = 1, .max = 256,
	.doc = "threads that check CSRs and tokens; default the number of cores"},
    {.name = "rest", .kind = CONFIG_T_SECTION, .table = &REST},
    {.name = "probes", .kind = CONFIG_T_SECTION, .table = &PROBES},
    {.name = "ledger", .kind = CONFIG_T_SECTION, .table = &LEDGER},
    {.name = "operators", .kind = CONFIG_T_OPERATORS, .table = &config_table_operators,
	.doc = "the authority of REST's certificate and of people's client certificates"},
    {.name = "environments", .kind = CONFIG_T_ENVIRONMENTS,
	.table = &config_table_environment, .required = true,
	.doc = "one to 32, each with its own signer and gRPC listener"},
};
const struct config_table config_table_top = TABLE(TOP_KEYS);
