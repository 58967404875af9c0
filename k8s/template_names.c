/* SPDX-License-Identifier: Apache-2.0 */
/* What a template refers to: names that are bound, and files that it includes. */
#include <string.h>

#include "k8s/template_int.h"

struct scope {
	const char *name;
	struct scope *outer;
	bool used;
};

struct names {
	const struct tmpl_file *file;
	struct scope *scope;
};

static bool check_node(const struct names *names, const struct tmpl *node);

static struct scope *
bound(struct scope *scope, const char *name)
{
	while (scope != NULL && strcmp(scope->name, name) != 0) {
		scope = scope->outer;
	}
	return scope;
}

/* A template without @arguments sees the model, whose keys are known only when it is evaluated. */
static bool
check_path(const struct names *names, const struct base_origin *at, const struct tmpl_path *path)
{
	struct scope *scope = bound(names->scope, path->names[0]);

	if (scope != NULL) {
		scope->used = true;
		return true;
	}
	return !names->file->has_arguments ||
	    tmpl_refuse(at, "@{%.60s}: nothing binds %.40s; add it to @arguments", path->text,
		path->names[0]);
}

static bool
check_parts(const struct names *names, const struct tmpl *node)
{
	for (uint32_t i = 0; i < node->part_count; i++) {
		if (node->parts[i].literal == NULL &&
		    !check_path(names, node->at, &node->parts[i].path)) {
			return false;
		}
	}
	return true;
}

static bool
check_children(const struct names *names, const struct tmpl *node)
{
	for (uint32_t i = 0; i < node->item_count; i++) {
		if (!check_node(names, node->items[i])) {
			return false;
		}
	}
	for (uint32_t i = 0; i < node->entry_count; i++) {
		if (!check_node(names, node->entries[i].key) ||
		    !check_node(names, node->entries[i].value)) {
			return false;
		}
	}
	return true;
}

static bool
check_each(const struct names *names, const struct tmpl *node)
{
	struct scope scope = {node->name, names->scope, false};
	const struct names inner = {names->file, &scope};

	if (bound(names->scope, node->name) != NULL) {
		return tmpl_refuse(node->at, "@as %.40s is bound already; write another name",
		    node->name);
	}
	return check_path(names, node->at, &node->path) && check_node(&inner, node->then);
}

static bool
check_node(const struct names *names, const struct tmpl *node)
{
	switch (node->kind) {
	case TMPL_LITERAL:
		return true;
	case TMPL_VALUE:
		return check_path(names, node->at, &node->path);
	case TMPL_TEXT:
		return check_parts(names, node);
	case TMPL_LIST:
	case TMPL_MAP:
	case TMPL_CONCAT:
		return check_children(names, node);
	case TMPL_EACH:
		return check_each(names, node);
	case TMPL_IF:
		return check_path(names, node->at, &node->path) &&
		    check_node(names, node->then) &&
		    (node->otherwise == NULL || check_node(names, node->otherwise));
	case TMPL_INCLUDE:
		return node->with == NULL || check_node(names, node->with);
	case TMPL_INVALID:
	default:
		return false;
	}
}

/* Binds the arguments one inside the other, then checks the body. */
static bool
check_arguments(struct names *names, uint32_t number)
{
	struct scope scope;
	struct names inner;

	if (number == names->file->argument_count) {
		return check_node(names, names->file->body);
	}
	scope = (struct scope){names->file->arguments[number], names->scope, false};
	inner = (struct names){names->file, &scope};
	if (!check_arguments(&inner, number + 1)) {
		return false;
	}
	return scope.used || tmpl_refuse(names->file->body->at,
	    "argument %.40s is not used; use or remove it", scope.name);
}

bool
tmpl_check_names(const struct tmpl_file *file)
{
	struct names names = {.file = file};

	return check_arguments(&names, 0);
}

bool
tmpl_each_include(const struct tmpl *node, tmpl_include_fn fn, void *self)
{
	const struct tmpl *const deeper[] = {node->then, node->otherwise, node->with};

	if (node->kind == TMPL_INCLUDE && !fn(self, node)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(deeper) / sizeof(deeper[0]); i++) {
		if (deeper[i] != NULL && !tmpl_each_include(deeper[i], fn, self)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < node->item_count; i++) {
		if (!tmpl_each_include(node->items[i], fn, self)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < node->entry_count; i++) {
		if (!tmpl_each_include(node->entries[i].value, fn, self)) {
			return false;
		}
	}
	return true;
}
