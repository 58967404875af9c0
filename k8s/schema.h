/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory's schema as data: one table says what every key is, what it defaults to and what
 * it is for. Validation, resolution, JSON Schema and docs/inventory.md all come from it.
 */
#ifndef K8S_SCHEMA_H
#define K8S_SCHEMA_H

#include "k8s/inventory.h"

enum k8s_type {
	K8S_TYPE_INVALID = 0,
	K8S_TEXT,     /* one line for people */
	K8S_LABEL,    /* RFC 1123 label */
	K8S_NAME,     /* RFC 1123 subdomain */
	K8S_HOST,     /* DNS name of a server */
	K8S_PATH,     /* of a URL, as AuthorizationPolicy matches it */
	K8S_FILE_PATH,/* of a probe: no wildcards */
	K8S_URL,      /* https only */
	K8S_CIDR,
	K8S_DATE,     /* RFC 3339 full-date */
	K8S_DURATION, /* as Kubernetes reads it */
	K8S_QUANTITY, /* of cpu or memory */
	K8S_PERCENT,  /* 0 to 100, decimal, as text */
	K8S_RATIO,    /* above 0, below 1, decimal, as text */
	K8S_WORD,     /* header, claim, audience: printable, no space */
	K8S_VERSION,  /* "1.31" */
	K8S_DIGEST,   /* SHA-256 in hex */
	K8S_INT,
	K8S_BOOL,
	K8S_ENUM,
	K8S_MAP,      /* of the keys in field.map */
	K8S_TEXTS,    /* map of free keys to texts */
	K8S_WORDS,    /* map of free keys to lists of words */
	K8S_EACH,     /* map of environment names to parts of field.map */
	K8S_TYPE_COUNT
};

enum k8s_field_flag {
	K8S_REQUIRED = 1, /* in every document, or item of a list */
	K8S_NEEDED = 2,   /* when everything is merged: from the document or from defaults */
	K8S_LIST = 4,     /* a list of them */
	K8S_SOME = 8,     /* a list of at least one */
	K8S_ALWAYS = 16,  /* a map that is there, with its defaults, unless null removes it */
	K8S_PART = 32,    /* the value overrides another: nothing in it is required or filled */
	K8S_TOP = 64      /* not in a part */
};

struct k8s_map;

struct k8s_field {
	const char *name; /* NULL ends a table */
	enum k8s_type type;
	unsigned flags;
	const char *fallback; /* built-in default as text, a list's joined by "|"; NULL: none */
	const char *range;    /* K8S_INT: "1..65535"; K8S_ENUM: "a|b" */
	const struct k8s_map *map;
	const char *doc;      /* one sentence */
};

struct k8s_map {
	const char *name;
	const char *key;    /* lists of it merge by this field; NULL: they replace */
	const char *one_of; /* "a|b|c": exactly one of these is there; NULL: no such rule */
	const struct k8s_field *fields;
	const char *doc;
};

struct k8s_type_info {
	const char *name;
	const char *pattern; /* POSIX extended and ECMA 262 alike; NULL: none */
	size_t max_len;      /* characters of UTF-8; 0: no text */
	const char *words;   /* what it must be, for messages */
};

struct k8s_kind_info {
	const char *name;          /* "DataService" */
	const char *list;          /* its key in a resolved environment; NULL: one of a kind */
	const char *defaults;      /* its key in spec.defaults; NULL: none */
	bool namespaced;
	const struct k8s_map *spec;
};

extern const struct k8s_type_info K8S_TYPES[K8S_TYPE_COUNT];
extern const struct k8s_kind_info K8S_KINDS[K8S_KIND_COUNT];
extern const struct k8s_map K8S_META_CLUSTER;
extern const struct k8s_map K8S_META_NAMESPACED;

/* K8S_INVALID when there is none of that name. */
enum k8s_kind k8s_kind_of(const char *name);
/* NULL when the map has no such field. */
const struct k8s_field *k8s_map_field(const struct k8s_map *map, const char *name);
/* Calls of the same index give the words of "a|b|c" in turn; false past the last. */
bool k8s_word_nth(const char *words, size_t i, const char **word, size_t *len);
/* Is it one of the words of "a|b|c"? */
bool k8s_word_in(const char *words, const char *word);
/* The bounds of "1..65535", both of them values that are taken. */
void k8s_range_bounds(const char *range, int64_t *min, int64_t *max);

/* Compiled patterns; for one thread. The caller frees what k8s_schema_new() returns, which is never
 * NULL; NULL is fine to free. */
struct k8s_schema;
void k8s_schema_free(struct k8s_schema *schema);
struct k8s_schema *k8s_schema_new(void) MC_DEALLOC(k8s_schema_free);
/* Text of this type? For the types that have a pattern: 1 to max_len printable characters of UTF-8,
 * noncharacters U+FFFE and U+FFFF excepted, that match it. */
bool k8s_schema_matches(const struct k8s_schema *schema, enum k8s_type type, const char *text);
/* Holds a document, as it was written, against the schema; says all that is wrong in findings (codes
 * MCA0003 to MCA0009). Returns its kind, or K8S_INVALID when it has an error. */
enum k8s_kind k8s_schema_check(const struct k8s_schema *schema, const struct base_tree *document,
    struct k8s_findings *findings);
/* Holds a merged spec against what only the merged one must have; types are not looked at again.
 * where: "Service shop/cart in production". False: something is missing (MCA0012). */
bool k8s_schema_check_merged(const struct k8s_map *map, const struct base_tree *spec,
    const char *where, struct k8s_findings *findings);
/* Nearest of the map's keys to a name, when it is near enough to be meant: by edits of at most a
 * third of its letters and one more. Else NULL. */
const char *k8s_schema_nearest(const struct k8s_map *map, const char *name);

#endif
