/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating a template. "Nothing" is a NULL tree without a failure. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "k8s/template_int.h"

/* A name that @each or @with bound. */
struct binding {
	const char *name;
	const struct base_tree *value;
	const struct binding *outer;
};

struct eval {
	struct base_arena *arena;
	struct k8s_templates *templates;
	size_t size_before; /* of the arena */
};

struct scope {
	const struct binding *bindings;
	const struct base_tree *model; /* NULL inside an included template */
};

static bool eval_node(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out);

/* --- values --- */
static const struct base_tree *
bound(const struct scope *scope, const char *name)
{
	for (const struct binding *b = scope->bindings; b != NULL; b = b->outer) {
		if (strcmp(b->name, name) == 0) {
			return b->value;
		}
	}
	return base_tree_get(scope->model, name);
}

/* The value at the path, NULL when it leads nowhere; *last and *missing then say how far. */
static const struct base_tree *
resolve(const struct scope *scope, const struct tmpl_path *path, const struct base_tree **last,
    const char **missing)
{
	const struct base_tree *node = bound(scope, path->names[0]);

	*last = NULL;
	*missing = path->names[0];
	for (uint32_t i = 1; node != NULL && i < path->count; i++) {
		*last = node;
		*missing = path->names[i];
		node = base_tree_get(node, path->names[i]);
	}
	return node;
}

static const struct base_tree *
optional(const struct scope *scope, const struct tmpl_path *path)
{
	const struct base_tree *last;
	const char *missing;

	return resolve(scope, path, &last, &missing);
}

static const struct base_tree *
required(const struct scope *scope, const struct base_origin *at, const struct tmpl_path *path)
{
	const struct base_tree *last;
	const char *missing;
	const struct base_tree *node = resolve(scope, path, &last, &missing);

	if (node == NULL && last != NULL) {
		(void)tmpl_refuse(at, "@{%.50s} leads nowhere: no %.30s at %s:%d; give it a value, or "
		    "make the key optional", path->text, missing, tmpl_shown(last->origin->file),
		    last->origin->line);
	} else if (node == NULL) {
		(void)tmpl_refuse(at, "@{%.60s} leads nowhere: no %.40s here; check the name, or make "
		    "the key optional", path->text, missing);
	}
	return node;
}

static bool
wrong_type(const struct base_origin *at, const struct tmpl_path *path,
    const struct base_tree *value, const char *wanted)
{
	return tmpl_refuse(at, "@{%.60s} is no %s; change %s:%d or the template",
	    path->text, wanted, tmpl_shown(value->origin->file), value->origin->line);
}

/* Is there room for more? What multiplies asks: a loop at each turn, an include. */
static bool
has_room(const struct eval *eval, const struct tmpl *node)
{
	return base_arena_size(eval->arena) - eval->size_before <= LIMIT_TEMPLATE_RESULT ||
	    tmpl_refuse(node->at, "gives more than 512 MiB; loop over less, or include less");
}

static bool
same_place(const struct base_origin *a, const struct base_origin *b)
{
	return a == b || (a->line == b->line && strcmp(a->file, b->file) == 0);
}

/* Origin of a text with values in it: the first one's, with the others behind it, each place
 * once: a text that repeats its values must not multiply them. */
static const struct base_origin *
joined(struct base_arena *arena, const struct base_origin *first, const struct base_origin *next)
{
	struct base_origin *both;

	if (first == NULL) {
		return next;
	}
	for (const struct base_origin *at = first; at != NULL; at = at->also) {
		if (same_place(at, next)) {
			return first;
		}
	}
	both = base_arena_calloc(arena, 1, sizeof(*both));
	*both = *first;
	if (first->also == NULL) {
		both->also = next;
	} else {
		both->also = joined(arena, first->also, next);
	}
	return both;
}

static bool
eval_text(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	const struct base_origin *origin = NULL;
	struct base_buf buf;

	base_buf_init(&buf, LIMIT_YAML);
	for (uint32_t i = 0; i < node->part_count; i++) {
		const struct tmpl_part *part = &node->parts[i];
		const struct base_tree *value;

		if (part->literal != NULL) {
			base_buf_append_str(&buf, part->literal);
			continue;
		}
		value = required(scope, node->at, &part->path);
		if (value == NULL || !base_tree_is_scalar(value) || value->kind == BASE_TREE_NULL) {
			base_buf_clear(&buf);
			return value != NULL && wrong_type(node->at, &part->path, value, "scalar");
		}
		base_buf_append_str(&buf, value->text);
		origin = joined(eval->arena, origin, value->origin);
	}
	base_buf_append_u8(&buf, '\0');
	if (base_buf_failed(&buf)) {
		base_buf_clear(&buf);
		return tmpl_refuse(node->at, "longer than " LIMIT_YAML_TEXT "; make it shorter");
	}
	*out = base_tree_string(eval->arena, (const char *)buf.ptr, origin);
	base_buf_clear(&buf);
	return true;
}

/* --- lists --- */
static bool
is_control(const struct tmpl *node)
{
	return node->kind == TMPL_EACH || node->kind == TMPL_IF || node->kind == TMPL_CONCAT ||
	    node->kind == TMPL_INCLUDE;
}

static void
splice(struct base_tree_build *list, const struct base_tree *items)
{
	for (uint32_t i = 0; i < items->count; i++) {
		base_tree_push(list, items->items[i]);
	}
}

/* A control word's list gives its items; all else is one item. */
static bool
eval_item(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    struct base_tree_build *list)
{
	const struct base_tree *value = NULL;

	if (!eval_node(eval, scope, node, &value)) {
		return false;
	}
	if (value != NULL && value->kind == BASE_TREE_LIST && is_control(node)) {
		splice(list, value);
	} else {
		base_tree_push(list, value);
	}
	return true;
}

static bool
eval_list(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	struct base_tree_build *list = base_tree_list(eval->arena, node->at);

	for (uint32_t i = 0; i < node->item_count; i++) {
		if (!eval_item(eval, scope, node->items[i], list)) {
			return false;
		}
	}
	*out = base_tree_done(list);
	return true;
}

static bool
eval_concat(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	struct base_tree_build *list = base_tree_list(eval->arena, node->at);

	for (uint32_t i = 0; i < node->item_count; i++) {
		const struct base_tree *value = NULL;

		if (!eval_node(eval, scope, node->items[i], &value)) {
			return false;
		}
		if (value == NULL) {
			continue;
		}
		if (value->kind != BASE_TREE_LIST) {
			return tmpl_refuse(node->items[i]->at,
			    "no list in @concat (from %s:%d); write one",
			    tmpl_shown(value->origin->file), value->origin->line);
		}
		splice(list, value);
	}
	*out = base_tree_done(list);
	return true;
}

/* The results of each turn, lists spliced. */
static bool
eval_each(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree *items, const struct base_tree **out)
{
	struct base_tree_build *list = base_tree_list(eval->arena, node->at);

	if (items->kind != BASE_TREE_LIST) {
		return wrong_type(node->at, &node->path, items, "list");
	}
	if (base_tree_get(scope->model, node->name) != NULL) {
		return tmpl_refuse(node->at, "@as %.40s is a key of the model; write another name",
		    node->name);
	}
	for (uint32_t i = 0; i < items->count; i++) {
		const struct binding binding = {node->name, items->items[i], scope->bindings};
		const struct scope inner = {&binding, scope->model};
		const struct base_tree *value = NULL;

		if (!has_room(eval, node) || !eval_node(eval, &inner, node->then, &value)) {
			return false;
		}
		if (value != NULL && value->kind == BASE_TREE_LIST) {
			splice(list, value);
		} else {
			base_tree_push(list, value);
		}
	}
	*out = base_tree_done(list);
	return true;
}

/* --- maps --- */
static bool
put(struct base_tree_build *map, const char *key, const struct base_tree *value,
    const struct base_origin *at)
{
	const struct base_tree_entry *twin = base_tree_build_find(map, key);

	if (twin != NULL) {
		return tmpl_refuse(at, "%.60s is there already, from %s:%d; remove one", key,
		    tmpl_shown(twin->origin->file), twin->origin->line);
	}
	base_tree_put_at(map, key, value, at);
	return true;
}

static bool
put_all(struct base_tree_build *map, const struct base_tree *from, const struct base_origin *at)
{
	if (from->kind != BASE_TREE_MAP) {
		return tmpl_refuse(at, "no map in @merge (from %s:%d); write one",
		    tmpl_shown(from->origin->file), from->origin->line);
	}
	for (uint32_t i = 0; i < from->count; i++) {
		const struct base_tree_entry *entry = &from->entries[i];

		if (!put(map, entry->key, entry->value, entry->origin)) {
			return false;
		}
	}
	return true;
}

/* The value of an optional key; *out stays NULL when it is left out. */
static bool
eval_optional(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	const struct base_tree *value = NULL;

	if (node->kind == TMPL_VALUE) {
		value = optional(scope, &node->path);
		*out = value != NULL && value->kind != BASE_TREE_NULL ? value : NULL;
		return true;
	}
	if (node->kind == TMPL_EACH && optional(scope, &node->path) == NULL) {
		return true;
	}
	if (!eval_node(eval, scope, node, &value)) {
		return false;
	}
	if (value != NULL && is_control(node) && value->kind == BASE_TREE_LIST &&
	    value->count == 0) {
		value = NULL;
	}
	*out = value;
	return true;
}

static bool
eval_entry(struct eval *eval, const struct scope *scope, const struct tmpl_entry *entry,
    struct base_tree_build *map)
{
	const struct base_tree *key = NULL, *value = NULL;

	if (entry->optional) {
		if (!eval_optional(eval, scope, entry->value, &value)) {
			return false;
		}
		if (value == NULL) {
			return true;
		}
	} else if (!eval_node(eval, scope, entry->value, &value)) {
		return false;
	}
	if (!eval_node(eval, scope, entry->key, &key)) {
		return false;
	}
	if (key == NULL || !base_tree_is_scalar(key) || key->kind == BASE_TREE_NULL) {
		return tmpl_refuse(entry->at, "a key is no scalar; take another value");
	}
	if (value == NULL) {
		return tmpl_refuse(entry->at, "%.60s gets nothing; write \"%.60s?\" or an @else",
		    key->text, key->text);
	}
	return put(map, key->text, value, entry->at);
}

/* What one item of @merge adds; the results of @each are merged. */
static bool
eval_merge(struct eval *eval, const struct scope *scope, const struct tmpl *item,
    struct base_tree_build *map)
{
	const struct base_tree *value = NULL;

	if (!eval_node(eval, scope, item, &value)) {
		return false;
	}
	if (value == NULL) {
		return true;
	}
	if (item->kind != TMPL_EACH) {
		return put_all(map, value, item->at);
	}
	for (uint32_t i = 0; i < value->count; i++) {
		if (!put_all(map, value->items[i], item->at)) {
			return false;
		}
	}
	return true;
}

static bool
eval_map(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	struct base_tree_build *map = base_tree_map(eval->arena, node->at);

	for (uint32_t i = 0; i < node->entry_count; i++) {
		if (!eval_entry(eval, scope, &node->entries[i], map)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < node->item_count; i++) {
		if (!eval_merge(eval, scope, node->items[i], map)) {
			return false;
		}
	}
	*out = base_tree_done(map);
	return true;
}

/* --- the rest --- */
static bool
holds(const struct tmpl *node, const struct base_tree *value)
{
	if (value == NULL) {
		return false;
	}
	if (node->literal != NULL) {
		return base_tree_equal(value, node->literal);
	}
	return value->kind != BASE_TREE_NULL &&
	    !(value->kind == BASE_TREE_BOOL && strcmp(value->text, "false") == 0) &&
	    !(value->kind == BASE_TREE_LIST && value->count == 0);
}

static bool
eval_if(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	const struct tmpl *branch =
	    holds(node, optional(scope, &node->path)) ? node->then : node->otherwise;

	return branch == NULL || eval_node(eval, scope, branch, out);
}

/* Binds the entries of @with one after the other, innermost last, then evaluates the body. */
static bool
include_with(struct eval *eval, const struct tmpl_file *file, const struct base_tree *with,
    uint32_t number, const struct binding *bindings, const struct base_tree **out)
{
	const struct scope scope = {bindings, NULL};
	struct binding binding;

	if (with == NULL || number == with->count) {
		return eval_node(eval, &scope, file->body, out);
	}
	binding = (struct binding){with->entries[number].key, with->entries[number].value, bindings};
	return include_with(eval, file, with, number + 1, &binding, out);
}

static bool
eval_include(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	const struct tmpl_file *file = tmpl_find(eval->templates, node->name);
	const struct base_tree *with = NULL;

	if (!has_room(eval, node) ||
	    (node->with != NULL && !eval_node(eval, scope, node->with, &with))) {
		return false;
	}
	return include_with(eval, file, with, 0, NULL, out);
}

static bool
eval_value(const struct scope *scope, const struct tmpl *node, const struct base_tree **out)
{
	*out = required(scope, node->at, &node->path);
	return *out != NULL;
}

/* Depth: LIMIT_TEMPLATE_DEPTH files of LIMIT_YAML_DEPTH levels. */
static bool
eval_node(struct eval *eval, const struct scope *scope, const struct tmpl *node,
    const struct base_tree **out)
{
	const struct base_tree *items;

	switch (node->kind) {
	case TMPL_LITERAL:
		*out = node->literal;
		return true;
	case TMPL_VALUE:
		return eval_value(scope, node, out);
	case TMPL_TEXT:
		return eval_text(eval, scope, node, out);
	case TMPL_LIST:
		return eval_list(eval, scope, node, out);
	case TMPL_MAP:
		return eval_map(eval, scope, node, out);
	case TMPL_EACH:
		items = required(scope, node->at, &node->path);
		return items != NULL && eval_each(eval, scope, node, items, out);
	case TMPL_IF:
		return eval_if(eval, scope, node, out);
	case TMPL_CONCAT:
		return eval_concat(eval, scope, node, out);
	case TMPL_INCLUDE:
		return eval_include(eval, scope, node, out);
	case TMPL_INVALID:
	default:
		return tmpl_refuse(node->at, "a bug: a template node of no kind");
	}
}

const struct base_tree *
k8s_templates_evaluate(struct k8s_templates *templates, struct base_arena *arena,
    const char *path, const struct base_tree *model)
{
	struct eval eval = {arena, templates, base_arena_size(arena)};
	const struct scope scope = {NULL, model};
	const struct tmpl_file *file = tmpl_find(templates, path);
	const struct base_origin at = {.file = path, .line = 1};
	const struct base_tree *out = NULL;

	if (file == NULL) {
		(void)tmpl_refuse(&at, "there is no such template; check the folder of templates");
		return NULL;
	}
	if (file->has_arguments) {
		(void)tmpl_refuse(file->body->at, "the root has @arguments; remove them");
		return NULL;
	}
	if (!eval_node(&eval, &scope, file->body, &out)) {
		return NULL;
	}
	if (out == NULL) {
		(void)tmpl_refuse(file->body->at, "gives nothing; write an @else");
	}
	return out;
}
