/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of an inventory: from texts to sorted lists, one for each kind. */
#include "k8s/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "k8s/inventory_int.h"

#define SHOWN_NAME 100 /* base_yaml_read shows the end of longer names */

/* A document that has passed the schema. */
struct row {
	enum k8s_kind kind;
	const char *namespace; /* "" for kinds without one */
	const char *name;
	const struct base_tree *document;
};

struct rows {
	struct row *ptr;
	size_t count;
	size_t cap;
};

void
k8s_inventory_free(struct k8s_inventory *inventory)
{
	if (inventory != NULL) {
		base_arena_free(inventory->arena);
		free(inventory);
	}
}

struct base_arena *
k8s_inventory_arena(struct k8s_inventory *inventory)
{
	return inventory->arena;
}

struct k8s_findings *
k8s_inventory_findings(struct k8s_inventory *inventory)
{
	return inventory->findings;
}

const struct base_tree *
k8s_inventory_documents(const struct k8s_inventory *inventory, enum k8s_kind kind)
{
	return inventory->documents[kind];
}

size_t
k8s_inventory_environment_count(const struct k8s_inventory *inventory)
{
	return inventory->documents[K8S_ENVIRONMENT]->count;
}

const char *
k8s_inventory_environment(const struct k8s_inventory *inventory, size_t i)
{
	const struct base_tree *document = inventory->documents[K8S_ENVIRONMENT]->items[i];

	return base_tree_str(base_tree_get(document, "metadata"), "name", "");
}

/* The reader's record is "name:line: what; what to do". */
static void
say_unreadable(struct k8s_inventory *inventory, const char *path)
{
	const char *detail = mc_err_last()->detail;
	size_t len = strlen(path);
	const char *shown = len > SHOWN_NAME ? path + len - SHOWN_NAME : path;
	struct base_origin *origin = base_arena_calloc(inventory->arena, 1, sizeof(*origin));
	const char *fix = "write it as YAML";
	const char *semicolon;
	char *end;

	origin->file = path;
	len = strlen(shown);
	if (strncmp(detail, shown, len) == 0 && detail[len] == ':') {
		origin->line = (int)strtol(detail + len + 1, &end, 10);
		detail = end + strspn(end, ": ");
	}
	semicolon = strstr(detail, "; ");
	if (semicolon != NULL) {
		fix = semicolon + 2;
	}
	k8s_findings_add(inventory->findings, LINT_YAML, origin, fix, "%.*s",
	    semicolon != NULL ? (int)(semicolon - detail) : (int)strlen(detail), detail);
	inventory->whole = false;
}

/* One that is out of the schema but says that it is of a kind that nothing else hangs on. */
static bool
is_leaf(const struct base_tree *document)
{
	enum k8s_kind kind = k8s_kind_of(base_tree_str(document, "kind", ""));

	return kind != K8S_INVALID && kind != K8S_MESH && kind != K8S_ENVIRONMENT;
}

static const char *
layer_of(struct base_arena *arena, const struct row *row)
{
	const char *kind = K8S_KINDS[row->kind].name;

	if (row->kind == K8S_MESH) {
		return kind;
	}
	if (row->namespace[0] == '\0') {
		return base_arena_printf(arena, "%s %s", kind, row->name);
	}
	return base_arena_printf(arena, "%s %s/%s", kind, row->namespace, row->name);
}

static void
take_document(struct k8s_inventory *inventory, struct rows *rows, enum k8s_kind kind,
    const struct base_tree *document)
{
	const struct base_tree *metadata = base_tree_get(document, "metadata");
	struct row *row;

	if (rows->count == rows->cap) {
		rows->cap = rows->cap == 0 ? 64 : rows->cap * 2;
		rows->ptr = base_xreallocarray(rows->ptr, rows->cap, sizeof(*rows->ptr));
	}
	row = &rows->ptr[rows->count++];
	row->kind = kind;
	row->namespace = base_tree_str(metadata, "namespace", "");
	row->name = base_tree_str(metadata, "name", "");
	row->document =
	    k8s_inventory_stamp(inventory->arena, document, layer_of(inventory->arena, row));
}

static void
take_file(struct k8s_inventory *inventory, const struct k8s_schema *schema, struct rows *rows,
    const struct k8s_file *file)
{
	const char *path = base_arena_strdup(inventory->arena, file->path);
	const struct base_tree *list = base_yaml_read(inventory->arena, path, NULL, file->text);

	if (list == NULL) {
		say_unreadable(inventory, path);
		return;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		const struct base_tree *document = list->items[i];
		enum k8s_kind kind = k8s_schema_check(schema, document, inventory->findings);

		if (kind != K8S_INVALID) {
			take_document(inventory, rows, kind, document);
		} else if (!is_leaf(document)) {
			inventory->whole = false;
		}
	}
}

static int
compare_names(const struct row *a, const struct row *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (order == 0) {
		order = strcmp(a->namespace, b->namespace);
	}
	return order != 0 ? order : strcmp(a->name, b->name);
}

/* Twins by place, so that the later one is the finding. */
static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;
	const struct base_origin *at = x->document->origin;
	const struct base_origin *other = y->document->origin;
	int order = compare_names(x, y);

	if (order == 0) {
		order = strcmp(at->file, other->file);
	}
	return order != 0 ? order : (at->line > other->line) - (at->line < other->line);
}

static void
say_twice(struct k8s_inventory *inventory, const struct row *first, const struct row *second)
{
	const struct base_origin *at = first->document->origin;

	k8s_findings_add(inventory->findings, LINT_DOCUMENT_TWICE, second->document->origin,
	    "remove one, or give it another name", "%s %s%s%s is in %s:%d already",
	    K8S_KINDS[first->kind].name, first->namespace,
	    first->namespace[0] != '\0' ? "/" : "", first->name, at->file, at->line);
}

static void
sort_documents(struct k8s_inventory *inventory, struct rows *rows)
{
	static const struct base_origin NOWHERE = {K8S_LINT_WHOLE, 0, NULL, NULL};
	struct base_tree_build *lists[K8S_KIND_COUNT] = {NULL};

	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		lists[kind] = base_tree_list(inventory->arena, &NOWHERE);
	}
	if (rows->count > 1) {
		qsort(rows->ptr, rows->count, sizeof(*rows->ptr), compare_rows);
	}
	for (size_t i = 0, first = 0; i < rows->count; i++) {
		if (i > first && compare_names(&rows->ptr[first], &rows->ptr[i]) == 0) {
			say_twice(inventory, &rows->ptr[first], &rows->ptr[i]);
			continue;
		}
		first = i;
		base_tree_push(lists[rows->ptr[i].kind], rows->ptr[i].document);
	}
	for (int kind = K8S_INVALID + 1; kind < K8S_KIND_COUNT; kind++) {
		inventory->documents[kind] = base_tree_done(lists[kind]);
	}
}

static void
check_heads(struct k8s_inventory *inventory)
{
	const struct base_tree *meshes = inventory->documents[K8S_MESH];

	/* it may be in a file that could not be read, or be out of the schema: that is told */
	if (meshes->count == 0 && inventory->whole) {
		k8s_findings_add(inventory->findings, LINT_MESH_COUNT, NULL,
		    "write a document of kind Mesh", "no document is of kind Mesh");
	}
	for (uint32_t i = 1; i < meshes->count; i++) {
		const struct base_origin *at = meshes->items[0]->origin;

		k8s_findings_add(inventory->findings, LINT_MESH_COUNT,
		    meshes->items[i]->origin, "keep one of them",
		    "a second Mesh; the first is in %s:%d", at->file, at->line);
	}
	inventory->whole = inventory->whole && meshes->count == 1;
	if (inventory->whole && inventory->documents[K8S_ENVIRONMENT]->count == 0) {
		k8s_findings_add(inventory->findings, LINT_NO_ENVIRONMENT, NULL,
		    "write a document of kind Environment", "no document is of kind Environment");
	}
}

bool
k8s_inventory_has_environment(const struct k8s_inventory *inventory, const char *name)
{
	for (size_t i = 0; i < k8s_inventory_environment_count(inventory); i++) {
		if (strcmp(k8s_inventory_environment(inventory, i), name) == 0) {
			return true;
		}
	}
	return false;
}

static void
check_overrides(struct k8s_inventory *inventory, const struct base_tree *document)
{
	const struct base_tree *overrides =
	    base_tree_at(document, "spec.environments");

	if (overrides == NULL || overrides->kind != BASE_TREE_MAP) {
		return;
	}
	for (uint32_t i = 0; i < overrides->count; i++) {
		const struct base_tree_entry *entry = &overrides->entries[i];

		if (!k8s_inventory_has_environment(inventory, entry->key)) {
			k8s_findings_add(inventory->findings, LINT_ENVIRONMENT_UNKNOWN,
			    entry->origin, "write the name of a document of kind Environment",
			    "there is no environment %.64s", entry->key);
		}
	}
}

struct k8s_inventory *
k8s_inventory_from(const struct k8s_file *files, size_t count)
{
	struct k8s_inventory *inventory = base_xcalloc(1, sizeof(*inventory));
	struct k8s_schema *schema = k8s_schema_new();
	struct rows rows = {NULL, 0, 0};

	inventory->arena = base_arena_new();
	inventory->findings = k8s_findings_new(inventory->arena);
	inventory->whole = true;
	for (size_t i = 0; i < count; i++) {
		take_file(inventory, schema, &rows, &files[i]);
	}
	sort_documents(inventory, &rows);
	free(rows.ptr);
	k8s_schema_free(schema);
	check_heads(inventory);
	for (int kind = K8S_SERVICE; inventory->whole && kind < K8S_KIND_COUNT; kind++) {
		for (uint32_t i = 0; i < inventory->documents[kind]->count; i++) {
			check_overrides(inventory, inventory->documents[kind]->items[i]);
		}
	}
	inventory->resolved = base_arena_calloc(inventory->arena,
	    k8s_inventory_environment_count(inventory), sizeof(const struct base_tree *));
	if (inventory->whole) {
		k8s_inventory_check_merged(inventory);
	}
	k8s_findings_sort(inventory->findings);
	return inventory;
}
