/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the tree of meshca.yaml along the tables of config_table.c, then checks the whole. */
#include "base/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config_int.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/yaml.h"

static void
free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
}

static void
free_environment(struct config_environment *env)
{
	for (size_t i = 0; i < env->cluster_count; i++) {
		free(env->clusters[i].name);
		free(env->clusters[i].issuer);
		free(env->clusters[i].audience);
		free(env->clusters[i].jwks_file);
		free(env->clusters[i].jwks);
	}
	free(env->clusters);
	free_names(env->dns_names, env->dns_name_count);
	free_names(env->server_names, env->server_name_count);
	free(env->name);
	free(env->trust_domain);
	free(env->key_dir);
	free(env->passphrase_file);
}

void
config_free(struct config *config)
{
	if (config == NULL) {
		return;
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		free_environment(&config->environments[i]);
	}
	free(config->environments);
	free_environment(&config->operators);
	free_names(config->rest_dns_names, config->rest_dns_name_count);
	free(config->state_dir);
	free(config->run_dir);
	free(config->root_key_dir);
	free(config->ledger_path);
	free(config->text);
	free(config);
}

const struct config_environment *
config_environment(const struct config *config, const char *name)
{
	if (strcmp(name, CONFIG_OPERATORS) == 0) {
		return &config->operators;
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		if (strcmp(config->environments[i].name, name) == 0) {
			return &config->environments[i];
		}
	}
	return NULL;
}

static bool read_map(const char *path, const struct base_tree *map, const char *what,
    const struct config_table *table, void *object);

static bool
read_clusters(const struct config_at *at, const struct config_key *key,
    const struct base_tree *list, struct config_environment *env)
{
	if (list->kind != BASE_TREE_LIST || list->count > LIMIT_CLUSTERS) {
		return config_refuse(at, "not a list of at most 64 clusters; begin each with \"-\"");
	}
	env->clusters = base_xcalloc(list->count, sizeof(*env->clusters));
	for (size_t i = 0; i < list->count; i++) {
		struct config_cluster *cluster = &env->clusters[env->cluster_count++];

		cluster->line = list->items[i]->origin->line;
		if (!read_map(at->path, list->items[i], "a cluster", key->table, cluster)) {
			return false;
		}
	}
	return true;
}

static bool
read_environments(const struct config_at *at, const struct config_key *key,
    const struct base_tree *list, struct config *config)
{
	if (list->kind != BASE_TREE_LIST || list->count == 0 ||
	    list->count > LIMIT_ENVIRONMENTS) {
		return config_refuse(at, "not a list of 1 to 32 environments; begin each with \"-\"");
	}
	config->environments = base_xcalloc(list->count, sizeof(*config->environments));
	for (size_t i = 0; i < list->count; i++) {
		struct config_environment *env =
		    &config->environments[config->environment_count++];

		env->line = list->items[i]->origin->line;
		if (!read_map(at->path, list->items[i], "an environment", key->table, env)) {
			return false;
		}
	}
	return true;
}

/* node is NULL when the file does not have the key. */
static bool
read_key(const struct config_at *at, const struct config_key *key,
    const struct base_tree *node, void *object)
{
	static const struct base_origin nowhere = {.file = ""};
	static const struct base_tree empty = {.kind = BASE_TREE_MAP, .origin = &nowhere};
	struct config *config = object;

	if (node == NULL && key->required) {
		return config_refuse(at, "is missing; add it");
	}
	switch (key->kind) {
	case CONFIG_T_SECTION:
		return read_map(at->path, node != NULL ? node : &empty, key->name, key->table,
		    object);
	case CONFIG_T_OPERATORS:
		config->operators.line = at->line;
		return read_map(at->path, node != NULL ? node : &empty, key->name, key->table,
		    &config->operators);
	case CONFIG_T_CLUSTERS:
		return node == NULL || read_clusters(at, key, node, object);
	case CONFIG_T_ENVIRONMENTS:
		return read_environments(at, key, node, config);
	case CONFIG_T_UINT:
	case CONFIG_T_INSTANCE:
	case CONFIG_T_DURATION:
	case CONFIG_T_TEXT:
	case CONFIG_T_LABEL:
	case CONFIG_T_DOMAIN:
	case CONFIG_T_PATH:
	case CONFIG_T_ADDRESS:
	case CONFIG_T_NAMES:
	case CONFIG_T_PATTERNS:
	case CONFIG_T_USER:
	case CONFIG_T_KEY_ALG:
	case CONFIG_T_LOG_LEVEL:
	case CONFIG_T_KEY_TYPES:
	case CONFIG_T_INVALID:
	default:
		if (node != NULL) {
			return config_value(at, key, node, object);
		}
		return key->fallback == NULL || config_fallback(at, key, object);
	}
}

static bool
refuse_unknown(const char *path, const struct base_tree *map, const struct config_table *table,
    const char *what)
{
	for (size_t i = 0; i < map->count; i++) {
		struct config_at at = {path, map->entries[i].origin->line, map->entries[i].key};
		bool known = false;

		for (size_t k = 0; k < table->count && !known; k++) {
			known = strcmp(table->keys[k].name, at.key) == 0;
		}
		if (!known) {
			return config_refuse(&at, "no such key in %s; see docs/configuration.md", what);
		}
	}
	return true;
}

static bool
read_map(const char *path, const struct base_tree *map, const char *what,
    const struct config_table *table, void *object)
{
	struct config_at here = {path, map->origin->line, NULL};

	if (map->kind != BASE_TREE_MAP) {
		return config_refuse(&here, "%s is not a map; write key: value lines", what);
	}
	if (!refuse_unknown(path, map, table, what)) {
		return false;
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];
		const struct base_tree *node = base_tree_get(map, key->name);
		struct config_at at = {path, node != NULL ? node->origin->line : map->origin->line, key->name};

		if (!read_key(&at, key, node, object)) {
			return false;
		}
	}
	return true;
}

/* --- defaults that depend on other keys --- */
static void
derive_path(char **path, const char *dir, const char *rest)
{
	if (*path == NULL) {
		*path = base_xasprintf("%s/%s", dir, rest);
	}
}

static void
derive_user(uid_t *uid, gid_t *gid, const struct config *config)
{
	if (*uid == 0) {
		*uid = config->uid;
		*gid = config->gid;
	}
}

static void
derive_environment(struct config_environment *env, const struct config *config)
{
	if (env->key_dir == NULL) {
		env->key_dir = base_xasprintf("%s/keys/%s", config->state_dir, env->name);
	}
	derive_user(&env->uid, &env->gid, config);
	for (size_t i = 0; i < env->dns_name_count; i++) {
		bool there = false;

		for (size_t k = 0; k < env->server_name_count && !there; k++) {
			there = strcmp(env->server_names[k], env->dns_names[i]) == 0;
		}
		if (!there) {
			config_names_add(&env->server_names, &env->server_name_count,
			    env->dns_names[i]);
		}
	}
}

static void
derive_operators(struct config *config)
{
	struct config_environment *operators = &config->operators;

	operators->name = base_xstrdup(CONFIG_OPERATORS);
	for (size_t i = 0; i < config->rest_dns_name_count; i++) {
		config_names_add(&operators->dns_names, &operators->dns_name_count,
		    config->rest_dns_names[i]);
	}
	operators->svid_ttl_s = config->user_ttl_s;
	operators->svid_max_ttl_s = config->user_ttl_s;
	operators->leaf_rsa = true;
	operators->leaf_p256 = true;
	operators->leaf_p384 = true;
	operators->rate_per_s = 100;
	operators->rate_burst = 200;
}

static void
derive(struct config *config)
{
	derive_path(&config->run_dir, config->state_dir, "run");
	derive_path(&config->root_key_dir, config->state_dir, "keys/root");
	derive_path(&config->ledger_path, config->state_dir, "ledger/ledger.db");
	derive_user(&config->front_uid, &config->front_gid, config);
	derive_user(&config->ledger_uid, &config->ledger_gid, config);
	derive_user(&config->keeper_uid, &config->keeper_gid, config);
	if (config->front_workers == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);

		config->front_workers = cores > 0 && cores <= 256 ? (uint32_t)cores : 1;
	}
	derive_operators(config);
	derive_environment(&config->operators, config);
	for (size_t i = 0; i < config->environment_count; i++) {
		derive_environment(&config->environments[i], config);
	}
}

/* --- rules between keys --- */
static bool
lifetimes_fit(const char *path, const struct config_environment *env)
{
	struct config_at at = {path, env->line, env->name};

	if (env->svid_ttl_s > env->svid_max_ttl_s) {
		return config_refuse(&at, "svid.ttl is above svid.max_ttl; lower one or raise the other");
	}
	if (env->svid_max_ttl_s > env->issuing_lifetime_s) {
		return config_refuse(&at,
		    "certificates would outlive issuing_lifetime; raise it or lower svid.max_ttl");
	}
	if (env->issuing_lifetime_s > env->ca_lifetime_s) {
		return config_refuse(&at, "issuing_lifetime is above ca_lifetime; lower it");
	}
	return true;
}

static bool
clusters_differ(const char *path, const struct config_environment *env)
{
	for (size_t i = 0; i < env->cluster_count; i++) {
		for (size_t k = 0; k < i; k++) {
			struct config_at at = {path, env->clusters[i].line, "name"};

			if (strcmp(env->clusters[i].name, env->clusters[k].name) == 0) {
				return config_refuse(&at, "cluster %.64s is there twice; rename one",
				    env->clusters[i].name);
			}
		}
	}
	return true;
}

static bool
environments_differ(const char *path, const struct config_environment *a,
    const struct config_environment *b)
{
	struct config_at at = {path, a->line, a->name};

	if (strcmp(a->name, b->name) == 0) {
		return config_refuse(&at, "two environments of this name; rename one");
	}
	if (strcmp(a->key_dir, b->key_dir) == 0) {
		return config_refuse(&at, "the same key_dir as %s; give each its own", b->name);
	}
	if (a->passphrase_file != NULL && b->passphrase_file != NULL &&
	    strcmp(a->passphrase_file, b->passphrase_file) == 0) {
		return config_refuse(&at, "the same passphrase_file as %s; give each its own",
		    b->name);
	}
	return true;
}

static bool
overlaps(const struct config_address *a, const struct config_address *b)
{
	const char *any[] = {"0.0.0.0", "::"};

	if (a->port != b->port) {
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(a->host, any[i]) == 0 || strcmp(b->host, any[i]) == 0) {
			return true;
		}
	}
	return strcmp(a->host, b->host) == 0;
}

static bool
ports_differ(const char *path, const struct config *config)
{
	struct config_at at = {path, 1, "listen"};
	const struct config_address *seen[LIMIT_ENVIRONMENTS + 2] = {&config->rest,
	    &config->probes};
	size_t count = 2;

	if (overlaps(&config->rest, &config->probes)) {
		return config_refuse(&at, "rest and probes have the same port; change one");
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		at.line = config->environments[i].line;
		for (size_t k = 0; k < count; k++) {
			if (overlaps(&config->environments[i].grpc, seen[k])) {
				return config_refuse(&at, "port %u of %s is used by another listener; "
				    "change one", (unsigned)seen[k]->port,
				    config->environments[i].name);
			}
		}
		seen[count++] = &config->environments[i].grpc;
	}
	return true;
}

static bool
check_environment(const char *path, const struct config *config, size_t index)
{
	const struct config_environment *env = &config->environments[index];
	struct config_at at = {path, env->line, "name"};

	if (strcmp(env->name, CONFIG_OPERATORS) == 0 || strcmp(env->name, "root") == 0) {
		return config_refuse(&at, "%s is reserved; choose another", env->name);
	}
	if (!lifetimes_fit(path, env) || !clusters_differ(path, env) ||
	    !environments_differ(path, env, &config->operators)) {
		return false;
	}
	if (strcmp(env->key_dir, config->root_key_dir) == 0) {
		return config_refuse(&at, "its key_dir is the root's; give each its own");
	}
	for (size_t i = 0; i < index; i++) {
		if (!environments_differ(path, env, &config->environments[i])) {
			return false;
		}
	}
	return true;
}

static bool
check(const char *path, const struct config *config)
{
	if (!lifetimes_fit(path, &config->operators)) {
		return false;
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		if (!check_environment(path, config, i)) {
			return false;
		}
	}
	return ports_differ(path, config);
}

/* The one document of the file. */
static const struct base_tree *
read_root(struct base_arena *arena, const char *path, struct base_span text)
{
	struct config_at at = {path, 1, NULL};
	const struct base_tree *documents;

	if (text.len > LIMIT_CONFIG) {
		(void)config_refuse(&at, "larger than 1 MiB; make it shorter");
		return NULL;
	}
	documents = base_yaml_read(arena, path, NULL, text);
	if (documents == NULL) {
		return NULL;
	}
	if (documents->count == 0) {
		(void)config_refuse(&at,
		    "the file is empty; write at least state_dir and environments");
		return NULL;
	}
	if (documents->count > 1) {
		at.line = documents->items[1]->origin->line;
		(void)config_refuse(&at, "a second document; keep one in this file");
		return NULL;
	}
	return documents->items[0];
}

struct config *
config_parse(const char *path, struct base_span text)
{
	size_t path_len = strlen(path);
	const char *shown = path_len > 80 ? path + path_len - 80 : path;
	struct base_arena *arena = base_arena_new();
	const struct base_tree *root = read_root(arena, shown, text);
	struct config *config;
	bool valid = false;

	if (root == NULL) {
		base_arena_free(arena);
		return NULL;
	}
	config = base_xcalloc(1, sizeof(*config));
	if (read_map(shown, root, "the file", &config_table_top, config)) {
		derive(config);
		valid = check(shown, config);
	}
	base_arena_free(arena);
	if (!valid) {
		config_free(config);
		return NULL;
	}
	base_crypto_sha256(text, config->hash);
	config->text = base_xcalloc(text.len + 1, 1);
	base_copy(config->text, text.ptr, text.len);
	config->text_len = text.len;
	return config;
}
