/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts from texts: objects as kubectl has them, edges as Prometheus has them. */
#ifndef TESTS_IMPORT_MAKE_H
#define TESTS_IMPORT_MAKE_H

#include <string.h>

#include "base/limits.h"
#include "base/yaml.h"
#include "check_main.h"
#include "k8s/import.h"

#define KIND(kind, namespace, name) "---\nkind: " kind "\nmetadata: {namespace: " namespace ", name: " name "}\n"
#define SERVICE(namespace, name, ports) KIND("Service", namespace, name) \
	"spec: {selector: {app: " name "}, ports: [" ports "]}\n"
#define HTTP "{name: http, port: 80, targetPort: 8080}"
#define ID(namespace, account) "cluster.local/ns/" namespace "/sa/" account
#define EDGE(source, namespace, name, more) "{metric: {source_principal: \"" source "\", " \
	"destination_service_namespace: " namespace ", destination_service_name: " name "}" more "}"
#define ANSWER(edges) "data: {result: [" edges "]}\n"

/* NULL: refused. An empty text is no documents. */
static inline const struct base_tree *
draft(struct base_arena *arena, const char *objects, const char *edges)
{
	const struct base_tree *of_objects = base_yaml_read(arena, "objects", NULL, base_span_str(objects));
	const struct base_tree *of_edges = base_yaml_read(arena, "edges", NULL, base_span_str(edges));

	ck_assert_msg(of_objects != NULL && of_edges != NULL, "%s", mc_err_last()->detail);
	return k8s_import(arena, of_objects, of_edges);
}

/* What a document of this name has at a path of its spec, as JSON; "-": nothing. */
static inline const char *
said(struct base_arena *arena, const struct base_tree *drafts, const char *name, const char *path)
{
	const struct base_tree *documents = base_tree_get(drafts, "documents");

	for (uint32_t i = 0; i < documents->count; i++) {
		const struct base_tree *value = base_tree_at(documents->items[i],
		    base_arena_printf(arena, "spec.%s", path));
		struct base_buf json;
		const char *text;

		if (strcmp(base_tree_str(base_tree_get(documents->items[i], "metadata"), "name", ""), name) != 0) {
			continue;
		}
		if (value == NULL) {
			return "-";
		}
		base_buf_init(&json, LIMIT_YAML);
		base_json_write(&json, value, 0);
		text = base_arena_strndup(arena, (const char *)json.ptr, json.len);
		base_buf_clear(&json);
		return text;
	}
	ck_abort_msg("no document %s", name);
}

/* All notes but the last, a line each. */
static inline const char *
notes(struct base_arena *arena, const struct base_tree *drafts)
{
	const struct base_tree *list = base_tree_get(drafts, "notes");
	const char *text = "";

	ck_assert_str_eq(list->items[list->count - 1]->text, "write documents of kind Environment, and owners");
	for (uint32_t i = 0; i + 1 < list->count; i++) {
		text = base_arena_printf(arena, "%s%s\n", text, list->items[i]->text);
	}
	return text;
}

#endif
