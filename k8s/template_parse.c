/* SPDX-License-Identifier: Apache-2.0 */
/* From a YAML tree to a template: control words, substitutions, and what is wrong with them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "k8s/template_int.h"

#define SHOWN_FILE 60 /* bytes of a file's name in a message: two of them fit in one */

const char *
tmpl_shown(const char *file)
{
	size_t len = strlen(file);

	return len > SHOWN_FILE ? file + len - SHOWN_FILE : file;
}

bool
tmpl_refuse(const struct base_origin *at, const char *fmt, ...)
{
	char what[MC_ERR_DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)MC_FAIL(MC_ECONFIG, "%s:%d: %s", tmpl_shown(at->file), at->line, what);
	return false;
}

static struct tmpl *
node_new(struct base_arena *arena, enum tmpl_kind kind, const struct base_origin *at)
{
	struct tmpl *node = base_arena_calloc(arena, 1, sizeof(*node));

	node->kind = kind;
	node->at = at;
	return node;
}

/* --- paths and scalars --- */
static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '_' || c == '-';
}

static bool
parse_path(struct base_arena *arena, const struct base_origin *at, const char *text, size_t len,
    struct tmpl_path *out)
{
	uint32_t count = 1, done = 0;
	size_t start = 0;
	const char **names;

	for (size_t i = 0; i < len; i++) {
		count += text[i] == '.' ? 1 : 0;
	}
	names = base_arena_calloc(arena, count, sizeof(*names));
	for (size_t i = 0; i <= len; i++) {
		if (i < len && is_name_byte(text[i])) {
			continue;
		}
		if ((i < len && text[i] != '.') || i == start) {
			return tmpl_refuse(at, "\"%.*s\" is no path; write names joined by dots",
			    (int)(len > 60 ? 60 : len), text);
		}
		names[done++] = base_arena_strndup(arena, text + start, i - start);
		start = i + 1;
	}
	*out = (struct tmpl_path){base_arena_strndup(arena, text, len), names, count};
	return true;
}

/* How many parts at most: each "@{" ends one literal and begins one value. */
static size_t
most_parts(const char *text)
{
	size_t count = 1;

	for (const char *p = strstr(text, "@{"); p != NULL; p = strstr(p + 2, "@{")) {
		count += 2;
	}
	return count;
}

static const struct tmpl *
literal(struct base_arena *arena, const struct base_tree *tree)
{
	struct tmpl *node = node_new(arena, TMPL_LITERAL, tree->origin);

	node->literal = tree;
	return node;
}

static void
part_literal(struct base_arena *arena, struct tmpl *node, struct tmpl_part *parts, struct base_buf *buf)
{
	if (buf->len > 0) {
		parts[node->part_count++].literal =
		    base_arena_strndup(arena, (const char *)buf->ptr, buf->len);
		base_buf_reset(buf);
	}
}

/* Splits text at its substitutions; at most LIMIT_YAML bytes, since it was read. */
static bool
split_text(struct base_arena *arena, struct tmpl *node, struct tmpl_part *parts, const char *text,
    struct base_buf *buf)
{
	while (*text != '\0') {
		const char *end;

		if (strncmp(text, "@@{", 3) == 0) {
			base_buf_append_str(buf, "@{");
			text += 3;
			continue;
		}
		if (strncmp(text, "@{", 2) != 0) {
			base_buf_append(buf, text++, 1);
			continue;
		}
		end = strchr(text, '}');
		if (end == NULL) {
			return tmpl_refuse(node->at, "\"@{\" without \"}\"; close it, or write \"@@{\"");
		}
		part_literal(arena, node, parts, buf);
		if (!parse_path(arena, node->at, text + 2, (size_t)(end - text) - 2,
			&parts[node->part_count].path)) {
			return false;
		}
		node->part_count++;
		text = end + 1;
	}
	part_literal(arena, node, parts, buf);
	return true;
}

/* NULL with the failure recorded. */
static const struct tmpl *
parse_string(struct base_arena *arena, const struct base_tree *tree, const char *text)
{
	struct tmpl_part *parts;
	struct tmpl *node;
	struct base_buf buf;
	bool done;

	if (strstr(text, "@{") == NULL) {
		return literal(arena, base_tree_string(arena, text, tree->origin));
	}
	parts = base_arena_calloc(arena, most_parts(text), sizeof(*parts));
	node = node_new(arena, TMPL_TEXT, tree->origin);
	node->parts = parts;
	base_buf_init(&buf, strlen(text) + 1);
	done = split_text(arena, node, parts, text, &buf);
	base_buf_clear(&buf);
	if (!done) {
		return NULL;
	}
	if (node->part_count == 1 && parts[0].literal != NULL) {
		return literal(arena, base_tree_string(arena, parts[0].literal, tree->origin));
	}
	if (node->part_count == 1) {
		node->kind = TMPL_VALUE;
		node->path = parts[0].path;
	}
	return node;
}

/* --- lists and maps --- */
static const struct tmpl *parse_node(struct base_arena *arena, const struct base_tree *tree);

static bool
parse_items(struct base_arena *arena, const struct base_tree *list, struct tmpl *node)
{
	const struct tmpl **items = base_arena_calloc(arena, list->count, sizeof(*items));

	for (uint32_t i = 0; i < list->count; i++) {
		items[i] = parse_node(arena, list->items[i]);
		if (items[i] == NULL) {
			return false;
		}
	}
	node->items = items;
	node->item_count = list->count;
	return true;
}

static bool
all_literal(const struct tmpl *node)
{
	for (uint32_t i = 0; i < node->item_count; i++) {
		if (node->items[i]->kind != TMPL_LITERAL) {
			return false;
		}
	}
	for (uint32_t i = 0; i < node->entry_count; i++) {
		if (node->entries[i].optional || node->entries[i].key->kind != TMPL_LITERAL ||
		    node->entries[i].value->kind != TMPL_LITERAL) {
			return false;
		}
	}
	return true;
}

static bool
parse_entry(struct base_arena *arena, const struct base_tree_entry *from, struct tmpl_entry *to)
{
	/* the key as a scalar of the line that it stands on */
	const struct base_tree key = {.kind = BASE_TREE_STRING, .origin = from->origin,
	    .text = from->key};
	size_t len = strlen(from->key);
	char *text = base_arena_strdup(arena, from->key);

	to->at = from->origin;
	to->optional = len > 1 && text[len - 1] == '?';
	if (to->optional) {
		text[len - 1] = '\0';
	}
	to->key = parse_string(arena, &key, text);
	to->value = parse_node(arena, from->value);
	return to->key != NULL && to->value != NULL;
}

/* Literal keys and values of a literal map may still hold "@@{": they are in the parsed nodes. */
static const struct base_tree *
literal_map(struct base_arena *arena, const struct tmpl *node)
{
	struct base_tree_build *map = base_tree_map(arena, node->at);

	for (uint32_t i = 0; i < node->entry_count; i++) {
		const struct tmpl_entry *entry = &node->entries[i];

		base_tree_put_at(map, entry->key->literal->text, entry->value->literal, entry->at);
	}
	return base_tree_done(map);
}

static const struct base_tree *
literal_list(struct base_arena *arena, const struct tmpl *node)
{
	struct base_tree_build *list = base_tree_list(arena, node->at);

	for (uint32_t i = 0; i < node->item_count; i++) {
		base_tree_push(list, node->items[i]->literal);
	}
	return base_tree_done(list);
}

static const struct tmpl *
parse_list(struct base_arena *arena, const struct base_tree *tree)
{
	struct tmpl *node = node_new(arena, TMPL_LIST, tree->origin);

	if (!parse_items(arena, tree, node)) {
		return NULL;
	}
	return all_literal(node) ? literal(arena, literal_list(arena, node)) : node;
}

static const struct tmpl *
parse_map(struct base_arena *arena, const struct base_tree *tree)
{
	struct tmpl *node = node_new(arena, TMPL_MAP, tree->origin);
	struct tmpl_entry *entries = base_arena_calloc(arena, tree->count, sizeof(*entries));
	bool merges = false;

	for (uint32_t i = 0; i < tree->count; i++) {
		const struct base_tree_entry *entry = &tree->entries[i];

		if (strcmp(entry->key, "@merge") != 0) {
			if (!parse_entry(arena, entry, &entries[node->entry_count++])) {
				return NULL;
			}
			continue;
		}
		merges = true;
		if (entry->value->kind != BASE_TREE_LIST) {
			(void)tmpl_refuse(entry->origin, "@merge is no list; write [map, map]");
			return NULL;
		}
		if (!parse_items(arena, entry->value, node)) {
			return NULL;
		}
	}
	node->entries = entries;
	return !merges && all_literal(node) ? literal(arena, literal_map(arena, node)) : node;
}

/* --- control words --- */
static bool
is_control(const char *key)
{
	/* "@type" is Envoy's; "@{" and "@@{" are substitutions */
	return key[0] == '@' && key[1] != '{' && key[1] != '@' && strcmp(key, "@type") != 0;
}

/* The map's keys are all of allowed (NULL-terminated), and the first required are there. */
static bool
has_only(const struct base_tree *map, const char *const *allowed, size_t required)
{
	for (uint32_t i = 0; i < map->count; i++) {
		size_t k = 0;

		while (allowed[k] != NULL && strcmp(allowed[k], map->entries[i].key) != 0) {
			k++;
		}
		if (allowed[k] == NULL) {
			return tmpl_refuse(map->entries[i].origin,
			    "%.40s does not go with %s; put it elsewhere", map->entries[i].key,
			    allowed[0]);
		}
	}
	for (size_t k = 0; k < required; k++) {
		if (base_tree_get(map, allowed[k]) == NULL) {
			return tmpl_refuse(map->origin, "%s without %s; add it", allowed[0], allowed[k]);
		}
	}
	return true;
}

static bool
text_of(const struct base_tree *map, const char *key, const char **out)
{
	const struct base_tree *value = base_tree_get(map, key);

	if (value->kind != BASE_TREE_STRING || strstr(value->text, "@{") != NULL) {
		return tmpl_refuse(value->origin, "%s is no plain word; write one without @{}", key);
	}
	*out = value->text;
	return true;
}

static bool
path_of(struct base_arena *arena, const struct base_tree *map, const char *key,
    struct tmpl_path *out)
{
	const char *text;

	return text_of(map, key, &text) &&
	    parse_path(arena, base_tree_get(map, key)->origin, text, strlen(text), out);
}

static const struct tmpl *
parse_each(struct base_arena *arena, const struct base_tree *tree)
{
	static const char *const words[] = {"@each", "@as", "@do", NULL};
	struct tmpl *node = node_new(arena, TMPL_EACH, tree->origin);
	struct tmpl_path name;

	if (!has_only(tree, words, 3) || !path_of(arena, tree, "@each", &node->path) ||
	    !path_of(arena, tree, "@as", &name)) {
		return NULL;
	}
	if (name.count != 1) {
		(void)tmpl_refuse(tree->origin, "@as %.40s has a dot; write one name", name.text);
		return NULL;
	}
	node->name = name.text;
	node->then = parse_node(arena, base_tree_get(tree, "@do"));
	return node->then != NULL ? node : NULL;
}

static const struct tmpl *
parse_if(struct base_arena *arena, const struct base_tree *tree)
{
	static const char *const words[] = {"@if", "@then", "@equals", "@else", NULL};
	struct tmpl *node = node_new(arena, TMPL_IF, tree->origin);
	const struct base_tree *otherwise = base_tree_get(tree, "@else");

	if (!has_only(tree, words, 2) || !path_of(arena, tree, "@if", &node->path)) {
		return NULL;
	}
	node->literal = base_tree_get(tree, "@equals");
	if (node->literal != NULL && (!base_tree_is_scalar(node->literal) ||
		strstr(node->literal->text, "@{") != NULL)) {
		(void)tmpl_refuse(node->literal->origin, "@equals is no literal; write one value");
		return NULL;
	}
	node->then = parse_node(arena, base_tree_get(tree, "@then"));
	if (node->then == NULL) {
		return NULL;
	}
	if (otherwise != NULL) {
		node->otherwise = parse_node(arena, otherwise);
		if (node->otherwise == NULL) {
			return NULL;
		}
	}
	return node;
}

static const struct tmpl *
parse_concat(struct base_arena *arena, const struct base_tree *tree)
{
	static const char *const words[] = {"@concat", NULL};
	struct tmpl *node = node_new(arena, TMPL_CONCAT, tree->origin);
	const struct base_tree *list = base_tree_get(tree, "@concat");

	if (!has_only(tree, words, 1)) {
		return NULL;
	}
	if (list->kind != BASE_TREE_LIST) {
		(void)tmpl_refuse(list->origin, "@concat is no list; write [list, list]");
		return NULL;
	}
	return parse_items(arena, list, node) ? node : NULL;
}

static const struct tmpl *
parse_include(struct base_arena *arena, const struct base_tree *tree)
{
	static const char *const words[] = {"@include", "@with", NULL};
	struct tmpl *node = node_new(arena, TMPL_INCLUDE, tree->origin);
	const struct base_tree *with = base_tree_get(tree, "@with");

	if (!has_only(tree, words, 1) || !text_of(tree, "@include", &node->name)) {
		return NULL;
	}
	if (with != NULL) {
		node->with = with->kind == BASE_TREE_MAP ? parse_map(arena, with) : NULL;
		if (with->kind != BASE_TREE_MAP) {
			(void)tmpl_refuse(with->origin, "@with is no map; write {name: value}");
		}
		if (node->with == NULL) {
			return NULL;
		}
	}
	return node;
}

static const struct tmpl *
parse_node(struct base_arena *arena, const struct base_tree *tree)
{
	static const struct {
		const char *word;
		const struct tmpl *(*parse)(struct base_arena *arena, const struct base_tree *tree);
	} forms[] = {{"@each", parse_each}, {"@if", parse_if}, {"@concat", parse_concat},
	    {"@include", parse_include}};

	if (tree->kind == BASE_TREE_STRING) {
		return parse_string(arena, tree, tree->text);
	}
	if (tree->kind == BASE_TREE_LIST) {
		return parse_list(arena, tree);
	}
	if (tree->kind != BASE_TREE_MAP) {
		return literal(arena, tree);
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (base_tree_get(tree, forms[i].word) != NULL) {
			return forms[i].parse(arena, tree);
		}
	}
	for (uint32_t i = 0; i < tree->count; i++) {
		if (is_control(tree->entries[i].key) &&
		    strcmp(tree->entries[i].key, "@merge") != 0) {
			(void)tmpl_refuse(tree->entries[i].origin,
			    "%.40s is no control word that may stand here; see the templates' README",
			    tree->entries[i].key);
			return NULL;
		}
	}
	return parse_map(arena, tree);
}

/* --- files --- */
static bool
parse_arguments(struct base_arena *arena, struct tmpl_file *file, const struct base_tree *list)
{
	const char **names = base_arena_calloc(arena, list->count, sizeof(*names));

	for (uint32_t i = 0; i < list->count; i++) {
		struct tmpl_path name;

		if (list->items[i]->kind != BASE_TREE_STRING) {
			return tmpl_refuse(list->items[i]->origin, "an argument is no name; write a word");
		}
		if (!parse_path(arena, list->items[i]->origin, list->items[i]->text,
			strlen(list->items[i]->text), &name)) {
			return false;
		}
		if (name.count != 1) {
			return tmpl_refuse(list->items[i]->origin,
			    "argument %.40s has a dot; write one name", name.text);
		}
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(names[k], name.text) == 0) {
				return tmpl_refuse(list->items[i]->origin,
				    "argument %.40s is there twice; remove one", name.text);
			}
		}
		names[i] = name.text;
	}
	file->arguments = names;
	file->argument_count = list->count;
	return true;
}

bool
tmpl_parse(struct base_arena *arena, struct tmpl_file *file, const struct base_tree *root)
{
	static const char *const words[] = {"@arguments", "@body", NULL};
	const struct base_tree *arguments = base_tree_get(root, "@arguments");

	file->has_arguments = arguments != NULL;
	if (arguments != NULL) {
		if (!has_only(root, words, 2)) {
			return false;
		}
		if (arguments->kind != BASE_TREE_LIST) {
			return tmpl_refuse(arguments->origin, "@arguments is no list; write [name, name]");
		}
		if (!parse_arguments(arena, file, arguments)) {
			return false;
		}
		root = base_tree_get(root, "@body");
	}
	file->body = parse_node(arena, root);
	return file->body != NULL && tmpl_check_names(file);
}
