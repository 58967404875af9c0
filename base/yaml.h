/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text as a tree of nodes with line numbers. A strict subset: one document; no anchors,
 * aliases, tags, directives or duplicate keys; bounded depth and width.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

enum base_yaml_kind {
	BASE_YAML_INVALID = 0,
	BASE_YAML_SCALAR,
	BASE_YAML_LIST,
	BASE_YAML_MAP
};

struct base_yaml {
	enum base_yaml_kind kind;
	int line;   /* from 1 */
	char *key;  /* of an entry of a map; else NULL */
	char *text; /* of a scalar: no NUL inside; else NULL */
	struct base_yaml **items; /* of a list or map, in file order */
	size_t count;
};

/* Frees the whole tree. NULL is fine. */
void base_yaml_free(struct base_yaml *node);
/* Parses at most LIMIT_CONFIG bytes; path is only for messages. Returns the root, or NULL with
 * MC_ECONFIG recorded as "path:line: what; what to do". */
struct base_yaml *base_yaml_parse(const char *path, struct base_span text)
    MC_DEALLOC(base_yaml_free);
/* The entry of a map; NULL when it has none of that key. */
const struct base_yaml *base_yaml_get(const struct base_yaml *map, const char *key);

#endif
