/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, shared by the reader (config.c), the value parsers and the reference. */
#ifndef BASE_CONFIG_INT_H
#define BASE_CONFIG_INT_H

#include "base/config.h"
#include "base/tree.h"

enum config_kind {
	CONFIG_T_INVALID = 0,
	CONFIG_T_UINT,     /* uint32_t, min..max */
	CONFIG_T_INSTANCE, /* uint8_t, min..max */
	CONFIG_T_DURATION, /* int64_t seconds, min..max */
	CONFIG_T_TEXT,     /* char *, 1..max bytes, printable */
	CONFIG_T_LABEL,    /* char *, RFC 1123 label */
	CONFIG_T_DOMAIN,   /* char *, SPIFFE trust domain */
	CONFIG_T_PATH,     /* char *, absolute */
	CONFIG_T_ADDRESS,  /* struct config_address */
	CONFIG_T_NAMES,    /* char ** at offset, size_t at offset2: DNS names */
	CONFIG_T_PATTERNS, /* the same, "*.suffix" allowed */
	CONFIG_T_USER,     /* uid_t at offset, gid_t at offset2 */
	CONFIG_T_KEY_ALG,  /* enum config_key_alg */
	CONFIG_T_LOG_LEVEL,
	CONFIG_T_KEY_TYPES, /* leaf_rsa, leaf_p256, leaf_p384 of an environment */
	CONFIG_T_SECTION,  /* a map whose keys land in the same struct */
	CONFIG_T_OPERATORS, /* a map that lands in config.operators */
	CONFIG_T_ENVIRONMENTS,
	CONFIG_T_CLUSTERS
};

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset, offset2;
	int64_t min, max;
	const char *fallback; /* as it would stand in the file; NULL: none, or derived (see doc) */
	bool required;
	const char *doc;
	const struct config_table *table; /* of sections and lists of maps */
};

struct config_table {
	const struct config_key *keys;
	size_t count;
};

extern const struct config_table config_table_top;
extern const struct config_table config_table_operators;
extern const struct config_table config_table_environment;

/* Where a failure is: for messages. */
struct config_at {
	const char *path;
	int line;
	const char *key;
};
/* Records MC_ECONFIG as "path:line: key: what; what to do". Always returns false. */
bool config_refuse(const struct config_at *at, const char *fmt, ...) MC_PRINTF(2, 3);

/* Parses one scalar, or list of scalars, into its place in *object. False with MC_ECONFIG. */
bool config_value(const struct config_at *at, const struct config_key *key,
    const struct base_tree *node, void *object);
/* The same from a default's text. */
bool config_fallback(const struct config_at *at, const struct config_key *key, void *object);
void *config_field(void *object, size_t offset);
/* Appends a copy of name to a list of strings. */
void config_names_add(char ***names, size_t *count, const char *name);

#endif
