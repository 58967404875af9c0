/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's files, its travel to roles, and its reference. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config_int.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/rd.h"

#define BLOB_VERSION 1
#define JWKS_KEYS 64 /* keys of one JWKS */

struct config *
config_read(const char *path)
{
	struct config_at at = {path, 0, NULL};
	struct config *config = NULL;
	struct stat st;
	char *text = NULL;
	size_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)config_refuse(&at, "cannot be opened: %s; check the path and its mode", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		(void)config_refuse(&at, "is not a regular file; name the configuration file");
	} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)config_refuse(&at, "others can write it; run chmod go-w on it");
	} else if (base_proc_read_all(fd, LIMIT_CONFIG, &text, &len) != MC_OK) {
		(void)config_refuse(&at, "cannot be read or is larger than 1 MiB; make it shorter");
	} else {
		config = config_parse(path, base_span_of(text, len));
	}
	free(text);
	if (fd >= 0) {
		(void)close(fd);
	}
	return config;
}

/* --- which keys are in a JWKS: the values of "n" (RSA) and "x" (EC) --- */
struct jwks_keys {
	struct base_span ids[JWKS_KEYS];
	size_t count;
};

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
		p++;
	}
	return p;
}

/* Finds them in the text without reading JSON: the front parses it strictly; this only
 * compares what two files have in common. */
static bool
jwks_scan(const char *text, struct jwks_keys *keys)
{
	keys->count = 0;
	for (const char *p = strchr(text, '"'); p != NULL; p = strchr(p, '"')) {
		const char *value, *end;

		if ((p[1] != 'n' && p[1] != 'x') || p[2] != '"') {
			p++;
			continue;
		}
		value = skip_blanks(p + 3);
		if (*value != ':' || *(value = skip_blanks(value + 1)) != '"') {
			p += 3;
			continue;
		}
		end = strchr(++value, '"');
		if (end == NULL || keys->count == JWKS_KEYS) {
			return false;
		}
		keys->ids[keys->count++] = base_span_of(value, (size_t)(end - value));
		p = end + 1;
	}
	return keys->count > 0;
}

static bool
share_a_key(const struct config_cluster *a, const struct config_cluster *b)
{
	struct jwks_keys left, right;

	if (strcmp(a->issuer, b->issuer) != 0 || strcmp(a->audience, b->audience) != 0 ||
	    !jwks_scan(a->jwks, &left) || !jwks_scan(b->jwks, &right)) {
		return false;
	}
	for (size_t i = 0; i < left.count; i++) {
		for (size_t k = 0; k < right.count; k++) {
			if (base_span_equal(left.ids[i], right.ids[k])) {
				return true;
			}
		}
	}
	return false;
}

/* A token of one environment would be good in the other. */
static bool
refuse_shared(const struct config_environment *env, const struct config_environment *other)
{
	for (size_t i = 0; i < env->cluster_count; i++) {
		for (size_t k = 0; k < other->cluster_count; k++) {
			if (share_a_key(&env->clusters[i], &other->clusters[k])) {
				struct config_at at = {"configuration", env->clusters[i].line,
				    "clusters"};

				return config_refuse(&at, "%s and %s take the same tokens (issuer, "
				    "audience and key are equal); give one another issuer or audience",
				    env->name, other->name);
			}
		}
	}
	return true;
}

static bool
load_jwks(struct config_cluster *cluster, size_t *total)
{
	struct config_at at = {"configuration", cluster->line, "jwks_file"};
	struct jwks_keys keys;
	size_t len = 0;
	char *text = NULL;
	int fd = open(cluster->jwks_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		return config_refuse(&at, "%.100s cannot be opened: %s; make it with "
		    "kubectl get --raw /openid/v1/jwks", cluster->jwks_file, strerror(errno));
	}
	if (base_proc_read_all(fd, LIMIT_CONFIG, &text, &len) != MC_OK) {
		(void)config_refuse(&at, "%.100s cannot be read or is larger than 1 MiB; "
		    "make it shorter", cluster->jwks_file);
	} else if ((*total += len) > LIMIT_CONFIG_BLOB - 2 * LIMIT_CONFIG) {
		(void)config_refuse(&at, "all files together are larger than 6 MiB; make them shorter");
	} else if (strlen(text) != len || !jwks_scan(text, &keys)) {
		(void)config_refuse(&at, "%.100s has no key, or over 64; write a JWKS with 1 to 64",
		    cluster->jwks_file);
	} else {
		free(cluster->jwks);
		cluster->jwks = text;
		text = NULL;
	}
	(void)close(fd);
	if (text != NULL || cluster->jwks == NULL) {
		free(text);
		return false;
	}
	return true;
}

static bool
check_tokens(const struct config *config)
{
	for (size_t i = 0; i < config->environment_count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!refuse_shared(&config->environments[i], &config->environments[k])) {
				return false;
			}
		}
	}
	return true;
}

enum mc_err
config_load_files(struct config *config)
{
	size_t total = 0;

	for (size_t i = 0; i < config->environment_count; i++) {
		struct config_environment *env = &config->environments[i];

		for (size_t k = 0; k < env->cluster_count; k++) {
			if (!load_jwks(&env->clusters[k], &total)) {
				return MC_ECONFIG;
			}
		}
	}
	return check_tokens(config) ? MC_OK : MC_ECONFIG;
}

/* --- travel: le32 version, le32 length and text, then each cluster's JWKS alike --- */
int
config_to_memfd(const struct config *config)
{
	struct base_buf blob;
	int fd = -1;

	base_buf_init(&blob, LIMIT_CONFIG_BLOB);
	base_buf_append_le32(&blob, BLOB_VERSION);
	base_buf_append_le32(&blob, (uint32_t)config->text_len);
	base_buf_append(&blob, config->text, config->text_len);
	for (size_t i = 0; i < config->environment_count; i++) {
		const struct config_environment *env = &config->environments[i];

		for (size_t k = 0; k < env->cluster_count; k++) {
			const char *jwks = env->clusters[k].jwks;

			base_buf_append_le32(&blob, jwks != NULL ? (uint32_t)strlen(jwks) : 0);
			base_buf_append_str(&blob, jwks != NULL ? jwks : "");
		}
	}
	if (base_buf_failed(&blob)) {
		(void)MC_FAIL(MC_ETOOBIG, "configuration with its files is larger than 8 MiB");
	} else {
		fd = base_proc_memfd("meshca-config", blob.ptr, blob.len);
	}
	base_buf_clear(&blob);
	return fd;
}

static bool
take_jwks(struct config *config, struct base_rd *rd)
{
	for (size_t i = 0; i < config->environment_count; i++) {
		struct config_environment *env = &config->environments[i];

		for (size_t k = 0; k < env->cluster_count; k++) {
			struct base_span text = base_rd_bytes(rd, base_rd_le32(rd));

			if (text.len > 0) {
				env->clusters[k].jwks =
				    base_xstrndup((const char *)text.ptr, text.len);
			}
		}
	}
	return base_rd_done(rd);
}

struct config *
config_from_fd(int fd)
{
	struct config *config = NULL;
	struct base_rd rd;
	char *blob = NULL;
	size_t len = 0;
	uint32_t version;

	if (base_proc_read_all(fd, LIMIT_CONFIG_BLOB, &blob, &len) != MC_OK) {
		return NULL;
	}
	base_rd_init(&rd, base_span_of(blob, len));
	version = base_rd_le32(&rd);
	config = config_parse("meshca.yaml", base_rd_bytes(&rd, base_rd_le32(&rd)));
	if (config != NULL && (version != BLOB_VERSION || !take_jwks(config, &rd))) {
		(void)MC_FAIL(MC_EFRAME, "configuration blob");
		config_free(config);
		config = NULL;
	}
	free(blob);
	return config;
}

/* --- reference --- */
static const char *
kind_text(enum config_kind kind)
{
	static const char *const texts[] = {
	    [CONFIG_T_INVALID] = "", [CONFIG_T_UINT] = "number", [CONFIG_T_INSTANCE] = "number",
	    [CONFIG_T_DURATION] = "duration", [CONFIG_T_TEXT] = "text", [CONFIG_T_LABEL] = "name",
	    [CONFIG_T_DOMAIN] = "trust domain", [CONFIG_T_PATH] = "path",
	    [CONFIG_T_ADDRESS] = "IP:port", [CONFIG_T_NAMES] = "list of DNS names",
	    [CONFIG_T_PATTERNS] = "list of DNS names", [CONFIG_T_USER] = "user",
	    [CONFIG_T_KEY_ALG] = "p-256, p-384, rsa-2048, rsa-3072, rsa-4096",
	    [CONFIG_T_LOG_LEVEL] = "debug, info, warn, error",
	    [CONFIG_T_KEY_TYPES] = "list", [CONFIG_T_SECTION] = "map",
	    [CONFIG_T_OPERATORS] = "map", [CONFIG_T_ENVIRONMENTS] = "list of maps",
	    [CONFIG_T_CLUSTERS] = "list of maps"};

	return texts[kind];
}

static void
append_duration(struct base_buf *out, int64_t seconds)
{
	if (seconds % 86400 == 0) {
		base_buf_appendf(out, "%lldd", (long long)(seconds / 86400));
	} else if (seconds % 3600 == 0) {
		base_buf_appendf(out, "%lldh", (long long)(seconds / 3600));
	} else {
		base_buf_appendf(out, "%llds", (long long)seconds);
	}
}

static void
append_row(struct base_buf *out, const char *prefix, const struct config_key *key)
{
	base_buf_appendf(out, "| `%s%s` | %s", prefix, key->name, kind_text(key->kind));
	if (key->kind == CONFIG_T_DURATION) {
		base_buf_append_str(out, ", ");
		append_duration(out, key->min);
		base_buf_append_str(out, " to ");
		append_duration(out, key->max);
	} else if (key->kind == CONFIG_T_UINT || key->kind == CONFIG_T_INSTANCE) {
		base_buf_appendf(out, ", %lld to %lld", (long long)key->min, (long long)key->max);
	}
	base_buf_appendf(out, " | %s%s%s | %s |\n", key->fallback != NULL ? "`" : "",
	    key->fallback != NULL ? key->fallback : key->required ? "required" : "",
	    key->fallback != NULL ? "`" : "", key->doc != NULL ? key->doc : "");
}

static void
append_table(struct base_buf *out, const char *prefix, const struct config_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];
		bool is_list = key->kind == CONFIG_T_ENVIRONMENTS || key->kind == CONFIG_T_CLUSTERS;

		if (key->doc != NULL) {
			append_row(out, prefix, key);
		}
		if (key->table != NULL) {
			/* depth is that of the static tables: 4 */
			char *deeper = base_xasprintf("%s%s%s.", prefix, key->name,
			    is_list ? "[]" : "");

			append_table(out, deeper, key->table);
			free(deeper);
		}
	}
}

void
config_reference(struct base_buf *out)
{
	base_buf_append_str(out, "| key | type | default | meaning |\n|---|---|---|---|\n");
	append_table(out, "", &config_table_top);
}
