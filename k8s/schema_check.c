/* SPDX-License-Identifier: Apache-2.0 */
/* Documents held against the schema. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "k8s/lint.h"
#include "k8s/schema.h"

#define FIX_MAX 1024
#define PATH_MAX_LEN 256
#define NAME_MAX_LEN 64 /* of keys that are compared: longer than any of ours */

struct k8s_schema {
	regex_t compiled[K8S_TYPE_COUNT];
	bool have[K8S_TYPE_COUNT];
};

/* The way to a value, for messages. */
struct place {
	const struct place *parent;
	const char *name;
};

struct check {
	const struct k8s_schema *schema;
	struct k8s_findings *findings;
	bool good;
};

void
k8s_schema_free(struct k8s_schema *schema)
{
	if (schema == NULL) {
		return;
	}
	for (int type = 0; type < K8S_TYPE_COUNT; type++) {
		if (schema->have[type]) {
			regfree(&schema->compiled[type]);
		}
	}
	free(schema);
}

struct k8s_schema *
k8s_schema_new(void)
{
	struct k8s_schema *schema = base_xcalloc(1, sizeof(*schema));

	for (int type = K8S_TYPE_INVALID + 1; type < K8S_TYPE_COUNT; type++) {
		if (K8S_TYPES[type].pattern == NULL) {
			continue;
		}
		if (regcomp(&schema->compiled[type], K8S_TYPES[type].pattern,
			REG_EXTENDED | REG_NOSUB) != 0) {
			abort();
		}
		schema->have[type] = true;
	}
	return schema;
}

bool
k8s_schema_matches(const struct k8s_schema *schema, enum k8s_type type, const char *text)
{
	size_t len = 0; /* in characters, as JSON Schema counts them */

	for (const char *p = text; *p != '\0'; len++) {
		size_t bytes = base_utf8_len(p);

		/* kustomize loses or refuses the others: controls, and what is no character */
		if (bytes == 0 || strncmp(p, "\xef\xbf\xbe", 3) == 0 || strncmp(p, "\xef\xbf\xbf", 3) == 0) {
			return false;
		}
		p += bytes;
	}
	return len > 0 && len <= K8S_TYPES[type].max_len &&
	       regexec(&schema->compiled[type], text, 0, NULL, 0) == 0;
}

/* What does not fit is cut: a path is for people. */
static size_t
append(char *out, size_t size, size_t len, const char *text)
{
	while (*text != '\0' && len + 1 < size) {
		out[len++] = *text++;
	}
	out[len] = '\0';
	return len;
}

static size_t
path_of(const struct place *place, char *out, size_t size)
{
	size_t len = 0;

	if (place->parent != NULL) {
		len = path_of(place->parent, out, size);
	}
	if (len + 1 < size) {
		if (len > 0 && place->name[0] != '[') {
			len = append(out, size, len, ".");
		}
		len = append(out, size, len, place->name);
	}
	return len < size ? len : size - 1;
}

/* Levenshtein distance of two short names. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1];
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN) {
		return SIZE_MAX;
	}
	for (size_t j = 0; j <= b_len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replace = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = replace < best ? replace : best;
		}
	}
	return row[b_len];
}

const char *
k8s_schema_nearest(const struct k8s_map *map, const char *name)
{
	size_t limit = strlen(name) / 3 + 1;
	const char *best = NULL;

	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		size_t d = distance(name, field->name);

		if (d <= limit) {
			best = field->name;
			limit = d == 0 ? 0 : d - 1;
		}
	}
	return best;
}

static void
say_unknown(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree_entry *entry)
{
	const char *nearest = k8s_schema_nearest(map, entry->key);
	char path[PATH_MAX_LEN] = "";
	char fix[FIX_MAX];
	size_t len;

	(void)path_of(place, path, sizeof(path));
	if (nearest != NULL) {
		(void)snprintf(fix, sizeof(fix), "write %s", nearest);
	} else {
		len = (size_t)snprintf(fix, sizeof(fix), "remove it; known here:");
		for (const struct k8s_field *f = map->fields;
		     f->name != NULL && len + strlen(f->name) + 2 < sizeof(fix); f++) {
			len += (size_t)snprintf(fix + len, sizeof(fix) - len, " %s", f->name);
		}
	}
	c->good = false;
	k8s_findings_add(c->findings, LINT_KEY_UNKNOWN, entry->origin, fix,
	    "%s has no key %.64s", path, entry->key);
}

static void
say_type(struct check *c, const struct place *place, const struct base_tree *node,
    const char *words)
{
	static const char *const KINDS[] = {[BASE_TREE_INVALID] = "nothing",
	    [BASE_TREE_NULL] = "null", [BASE_TREE_BOOL] = "a boolean",
	    [BASE_TREE_INT] = "an integer", [BASE_TREE_FLOAT] = "a number",
	    [BASE_TREE_STRING] = "text", [BASE_TREE_LIST] = "a list", [BASE_TREE_MAP] = "a map"};
	char path[PATH_MAX_LEN] = "";
	char fix[FIX_MAX];

	(void)path_of(place, path, sizeof(path));
	if (base_tree_is_scalar(node) && node->kind != BASE_TREE_NULL &&
	    node->kind != BASE_TREE_STRING) {
		(void)snprintf(fix, sizeof(fix), "write %s; text is in quotes: \"%.64s\"", words,
		    node->text);
	} else {
		(void)snprintf(fix, sizeof(fix), "write %s", words);
	}
	c->good = false;
	k8s_findings_add(c->findings, LINT_TYPE, node->origin, fix, "%s is %s", path,
	    KINDS[node->kind]);
}

static void
say_empty(struct check *c, const struct place *place, const struct base_tree *node)
{
	char path[PATH_MAX_LEN] = "";

	(void)path_of(place, path, sizeof(path));
	c->good = false;
	k8s_findings_add(c->findings, LINT_TYPE, node->origin, "write at least one item, or leave it out",
	    "%s is an empty list", path);
}

static void
say_value(struct check *c, const struct place *place, const struct k8s_field *field,
    const struct base_tree *node)
{
	char path[PATH_MAX_LEN] = "";
	char fix[FIX_MAX];
	const char *word;
	size_t word_len;
	size_t len;

	(void)path_of(place, path, sizeof(path));
	if (field->type == K8S_ENUM) {
		len = (size_t)snprintf(fix, sizeof(fix), "write one of");
		for (size_t i = 0; k8s_word_nth(field->range, i, &word, &word_len); i++) {
			len += (size_t)snprintf(fix + len, sizeof(fix) - len, " %.*s",
			    (int)word_len, word);
		}
		(void)snprintf(fix + len, sizeof(fix) - len, " (%s)", field->doc);
	} else if (field->type == K8S_INT) {
		(void)snprintf(fix, sizeof(fix), "write a number in %s", field->range);
	} else {
		(void)snprintf(fix, sizeof(fix), "write %s", K8S_TYPES[field->type].words);
	}
	c->good = false;
	k8s_findings_add(c->findings, LINT_VALUE, node->origin, fix, "%s cannot be \"%.128s\"",
	    path, node->text);
}

static bool
in_range(const char *range, const char *text)
{
	int64_t min;
	int64_t max;
	long long value;
	char *end;

	k8s_range_bounds(range, &min, &max);
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && value >= min && value <= max;
}

static void
check_scalar(struct check *c, const struct place *place, const struct k8s_field *field,
    const struct base_tree *node)
{
	enum base_tree_kind want = field->type == K8S_INT    ? BASE_TREE_INT
				   : field->type == K8S_BOOL ? BASE_TREE_BOOL
							     : BASE_TREE_STRING;
	/* `cpu: 2` is what everybody writes. */
	bool number = field->type == K8S_QUANTITY && node->kind == BASE_TREE_INT;
	bool good = true;

	if (node->kind != want && !number) {
		say_type(c, place, node,
		    field->type == K8S_ENUM ? "a text" : K8S_TYPES[field->type].words);
		return;
	}
	if (field->type == K8S_INT) {
		good = in_range(field->range, node->text);
	} else if (field->type == K8S_ENUM) {
		good = k8s_word_in(field->range, node->text);
	} else if (field->type != K8S_BOOL) {
		good = k8s_schema_matches(c->schema, field->type, node->text);
	}
	if (!good) {
		say_value(c, place, field, node);
	}
}

static void check_map(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree *node, bool part);

/* Maps whose keys are free: labels, claims, environments. */
static void
check_free(struct check *c, const struct place *place, const struct k8s_field *field,
    const struct base_tree *node)
{
	static const struct k8s_field TEXT = {"", K8S_TEXT, 0, NULL, NULL, NULL, ""};
	static const struct k8s_field WORD = {"", K8S_WORD, 0, NULL, NULL, NULL, ""};
	enum k8s_type key_type = field->type == K8S_EACH ? K8S_LABEL : K8S_WORD;

	if (node->kind != BASE_TREE_MAP) {
		say_type(c, place, node, K8S_TYPES[field->type].words);
		return;
	}
	for (uint32_t i = 0; i < node->count; i++) {
		const struct base_tree_entry *entry = &node->entries[i];
		const struct place below = {place, entry->key};

		if (!k8s_schema_matches(c->schema, key_type, entry->key)) {
			c->good = false;
			k8s_findings_add(c->findings, LINT_VALUE, entry->origin,
			    K8S_TYPES[key_type].words, "%.128s cannot be a key", entry->key);
		}
		if (field->type == K8S_EACH) {
			check_map(c, &below, field->map, entry->value, true);
		} else if (field->type == K8S_TEXTS) {
			check_scalar(c, &below, &TEXT, entry->value);
		} else if (entry->value->kind == BASE_TREE_LIST && entry->value->count == 0) {
			say_empty(c, &below, entry->value);
		} else if (entry->value->kind != BASE_TREE_LIST) {
			say_type(c, &below, entry->value, "a list of at least one word");
		} else {
			for (uint32_t j = 0; j < entry->value->count; j++) {
				check_scalar(c, &below, &WORD, entry->value->items[j]);
			}
		}
	}
}

static void
check_one(struct check *c, const struct place *place, const struct k8s_field *field,
    const struct base_tree *node, bool part)
{
	switch (field->type) {
	case K8S_MAP:
		check_map(c, place, field->map, node, part || (field->flags & K8S_PART) != 0);
		break;
	case K8S_TEXTS:
	case K8S_WORDS:
	case K8S_EACH:
		check_free(c, place, field, node);
		break;
	case K8S_TYPE_INVALID:
	case K8S_TEXT:
	case K8S_LABEL:
	case K8S_NAME:
	case K8S_HOST:
	case K8S_PATH:
	case K8S_FILE_PATH:
	case K8S_URL:
	case K8S_CIDR:
	case K8S_DATE:
	case K8S_DURATION:
	case K8S_QUANTITY:
	case K8S_PERCENT:
	case K8S_RATIO:
	case K8S_WORD:
	case K8S_VERSION:
	case K8S_DIGEST:
	case K8S_INT:
	case K8S_BOOL:
	case K8S_ENUM:
	case K8S_TYPE_COUNT:
	default:
		check_scalar(c, place, field, node);
		break;
	}
}

/* No two items with the same merge key. */
static void
check_twice(struct check *c, const struct k8s_field *field, const struct base_tree *list)
{
	const char *key = field->type == K8S_MAP ? field->map->key : NULL;

	for (uint32_t i = 1; key != NULL && i < list->count; i++) {
		const char *name = base_tree_str(list->items[i], key, NULL);

		for (uint32_t j = 0; name != NULL && j < i; j++) {
			const char *other = base_tree_str(list->items[j], key, NULL);

			if (other != NULL && strcmp(name, other) == 0) {
				c->good = false;
				k8s_findings_add(c->findings, LINT_ITEM_TWICE,
				    list->items[i]->origin, "give it another name, or remove it",
				    "%s: %.64s is there twice", field->name, name);
				break;
			}
		}
	}
}

static void
check_list(struct check *c, const struct place *place, const struct k8s_field *field,
    const struct base_tree *node, bool part)
{
	/* A list that replaces another must be whole; one that merges need not. */
	bool item_part = part && field->type == K8S_MAP && field->map->key != NULL;

	if (node->kind != BASE_TREE_LIST) {
		say_type(c, place, node, "a list: each item on a line with \"- \"");
		return;
	}
	if ((field->flags & K8S_SOME) != 0 && node->count == 0) {
		say_empty(c, place, node);
	}
	for (uint32_t i = 0; i < node->count; i++) {
		char index[16];
		const struct place below = {place, index};

		(void)snprintf(index, sizeof(index), "[%u]", i);
		check_one(c, &below, field, node->items[i], item_part);
	}
	check_twice(c, field, node);
}

static void
check_one_of(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree *node)
{
	char path[PATH_MAX_LEN] = "";
	char fix[FIX_MAX];
	char name[NAME_MAX_LEN];
	const char *word;
	size_t len;
	size_t found = 0;

	for (size_t i = 0; k8s_word_nth(map->one_of, i, &word, &len); i++) {
		const struct base_tree *value;

		if (len >= sizeof(name)) {
			continue;
		}
		base_copy(name, word, len);
		name[len] = '\0';
		value = base_tree_get(node, name);
		found += value != NULL && value->kind != BASE_TREE_NULL;
	}
	if (found == 1) {
		return;
	}
	(void)path_of(place, path, sizeof(path));
	(void)snprintf(fix, sizeof(fix), "write exactly one of %s", map->one_of);
	c->good = false;
	k8s_findings_add(c->findings, LINT_ONE_OF, node->origin, fix, "%s names %zu of %s", path,
	    found, map->one_of);
}

static void
check_required(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree *node, bool part)
{
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		bool key = map->key != NULL && strcmp(map->key, field->name) == 0;
		char path[PATH_MAX_LEN] = "";
		char fix[FIX_MAX];

		if (!key && (part || (field->flags & K8S_REQUIRED) == 0)) {
			continue;
		}
		if (base_tree_get(node, field->name) != NULL) {
			continue;
		}
		(void)path_of(place, path, sizeof(path));
		(void)snprintf(fix, sizeof(fix), "add %s: %s", field->name, field->doc);
		c->good = false;
		k8s_findings_add(c->findings, LINT_KEY_MISSING, node->origin, fix,
		    "%s has no %s", path, field->name);
	}
}

/* Null takes a value away; what must be there cannot be taken away where it must be. */
static bool
may_be_null(const struct k8s_map *map, const struct k8s_field *field, bool part)
{
	bool key = map->key != NULL && strcmp(map->key, field->name) == 0;

	return !key && (part || (field->flags & K8S_REQUIRED) == 0);
}

static void
check_map(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree *node, bool part)
{
	if (node->kind != BASE_TREE_MAP) {
		say_type(c, place, node, "a map");
		return;
	}
	for (uint32_t i = 0; i < node->count; i++) {
		const struct base_tree_entry *entry = &node->entries[i];
		const struct k8s_field *field = k8s_map_field(map, entry->key);
		const struct place below = {place, entry->key};

		if (field == NULL || (part && (field->flags & K8S_TOP) != 0)) {
			say_unknown(c, place, map, entry);
		} else if (entry->value->kind == BASE_TREE_NULL &&
			   may_be_null(map, field, part)) {
			continue;
		} else if ((field->flags & K8S_LIST) != 0) {
			check_list(c, &below, field, entry->value, part);
		} else {
			check_one(c, &below, field, entry->value, part);
		}
	}
	check_required(c, place, map, node, part);
	if (map->one_of != NULL) {
		check_one_of(c, place, map, node);
	}
}

/* apiVersion and kind; K8S_INVALID when they are not ours. */
static enum k8s_kind
check_head(struct check *c, const struct base_tree *document)
{
	const struct base_tree *version_node = base_tree_get(document, "apiVersion");
	const struct base_tree *kind_node = base_tree_get(document, "kind");
	const char *version = base_tree_str(document, "apiVersion", NULL);
	const char *name = base_tree_str(document, "kind", NULL);
	enum k8s_kind kind = name == NULL ? K8S_INVALID : k8s_kind_of(name);

	if (version == NULL || strcmp(version, K8S_API_VERSION) != 0) {
		c->good = false;
		k8s_findings_add(c->findings, LINT_KIND,
		    version_node != NULL ? version_node->origin : document->origin,
		    "write apiVersion: " K8S_API_VERSION, "apiVersion is %.64s",
		    version == NULL ? "missing" : version);
	}
	if (kind == K8S_INVALID) {
		c->good = false;
		k8s_findings_add(c->findings, LINT_KIND,
		    kind_node != NULL ? kind_node->origin : document->origin,
		    "write one of Mesh Environment Service DataService Gateway ExternalService "
		    "IdentityProvider",
		    "kind is %.64s", name == NULL ? "missing" : name);
	}
	return kind;
}

enum k8s_kind
k8s_schema_check(const struct k8s_schema *schema, const struct base_tree *document,
    struct k8s_findings *findings)
{
	struct check c = {schema, findings, true};
	const struct place top = {NULL, "the document"};
	const struct k8s_kind_info *info;
	enum k8s_kind kind;

	if (document->kind != BASE_TREE_MAP) {
		say_type(&c, &top, document, "a map of apiVersion, kind, metadata, spec");
		return K8S_INVALID;
	}
	kind = check_head(&c, document);
	if (kind == K8S_INVALID) {
		return K8S_INVALID;
	}
	info = &K8S_KINDS[kind];
	const struct k8s_field fields[] = {
	    {"apiVersion", K8S_TEXT, K8S_REQUIRED, NULL, NULL, NULL, K8S_API_VERSION},
	    {"kind", K8S_TEXT, K8S_REQUIRED, NULL, NULL, NULL, info->name},
	    {"metadata", K8S_MAP, K8S_REQUIRED, NULL, NULL,
		info->namespaced ? &K8S_META_NAMESPACED : &K8S_META_CLUSTER,
		"name, and the namespace of what has one"},
	    {"spec", K8S_MAP, K8S_REQUIRED, NULL, NULL, info->spec, "what it is"},
	    {NULL, K8S_TYPE_INVALID, 0, NULL, NULL, NULL, NULL},
	};
	const struct k8s_map whole = {info->name, NULL, NULL, fields, ""};
	const struct place place = {NULL, info->name};

	check_map(&c, &place, &whole, document, false);
	return c.good ? kind : K8S_INVALID;
}

static bool
check_merged(struct check *c, const struct place *place, const struct k8s_map *map,
    const struct base_tree *node, const char *where)
{
	for (const struct k8s_field *field = map->fields; field->name != NULL; field++) {
		const struct base_tree *value = base_tree_get(node, field->name);
		const struct place below = {place, field->name};
		char path[PATH_MAX_LEN] = "";
		char fix[FIX_MAX];

		if ((field->flags & K8S_PART) != 0 || field->type == K8S_EACH) {
			continue;
		}
		if (value == NULL && (field->flags & (K8S_REQUIRED | K8S_NEEDED)) != 0) {
			(void)path_of(&below, path, sizeof(path));
			(void)snprintf(fix, sizeof(fix), "add %s: %s", path, field->doc);
			c->good = false;
			k8s_findings_add(c->findings, LINT_MERGED_MISSING, node->origin, fix,
			    "%s has no %s, and no default gives one", where, path);
		}
		if (value == NULL || field->type != K8S_MAP) {
			continue;
		}
		if ((field->flags & K8S_LIST) == 0) {
			(void)check_merged(c, &below, field->map, value, where);
			continue;
		}
		for (uint32_t i = 0; i < value->count; i++) {
			(void)check_merged(c, &below, field->map, value->items[i], where);
		}
	}
	return c->good;
}

bool
k8s_schema_check_merged(const struct k8s_map *map, const struct base_tree *spec,
    const char *where, struct k8s_findings *findings)
{
	struct check c = {NULL, findings, true};
	const struct place place = {NULL, "spec"};

	return check_merged(&c, &place, map, spec, where);
}
