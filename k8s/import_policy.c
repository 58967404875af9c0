/* SPDX-License-Identifier: Apache-2.0 */
/* Callers from AuthorizationPolicies. A draft that lets in more than the policy would be taken for
 * the policy: what is not said as strictly is noted, and what is not said at all is left out. */
#include <string.h>

#include "k8s/import_int.h"

static const struct base_origin POLICY = {"import", 0, "import", NULL};

static void
note_policy(struct k8s_import *import, const struct base_tree *policy, const char *what)
{
	const struct base_tree *metadata = base_tree_get(policy, "metadata");

	k8s_import_note(import, base_arena_printf(import->arena, "AuthorizationPolicy %s/%s %s: left out",
	    base_tree_str(metadata, "namespace", ""), base_tree_str(metadata, "name", ""), what));
}

static void
note_draft(struct k8s_import *import, const struct k8s_import_draft *draft, const char *what)
{
	k8s_import_note(import,
	    base_arena_printf(import->arena, "%s/%s: a policy %s", draft->namespace, draft->name, what));
}

/* Keys of a source or operation that a draft has no words for. */
static void
note_others(struct k8s_import *import, const struct k8s_import_draft *draft,
    const struct base_tree *map, const char *const *known)
{
	for (uint32_t i = 0; map != NULL && map->kind == BASE_TREE_MAP && i < map->count; i++) {
		size_t k = 0;

		while (known[k] != NULL && strcmp(known[k], map->entries[i].key) != 0) {
			k++;
		}
		if (known[k] == NULL) {
			note_draft(import, draft, base_arena_printf(import->arena,
			    "with %s: it is not in the draft, which lets through more", map->entries[i].key));
		}
	}
}

/* Does the policy select the pods of this service? */
static bool
selects(const struct base_tree *policy, const struct k8s_import_draft *draft)
{
	const struct base_tree *labels = base_tree_at(policy, "spec.selector.matchLabels");
	const struct base_tree *pods = base_tree_at(draft->object, "spec.selector");

	for (uint32_t i = 0; labels != NULL && labels->kind == BASE_TREE_MAP && i < labels->count; i++) {
		const struct base_tree *value = base_tree_get(pods, labels->entries[i].key);

		if (value == NULL || !base_tree_equal(value, labels->entries[i].value)) {
			return false;
		}
	}
	return strcmp(base_tree_str(base_tree_get(policy, "metadata"), "namespace", ""),
		   draft->namespace) == 0;
}

/* Names of a Service's ports for the workload ports of a policy. */
static const struct base_tree *
port_names(struct k8s_import *import, const struct k8s_import_draft *draft,
    const struct base_tree *numbers)
{
	struct base_tree_build *names = base_tree_list(import->arena, &POLICY);

	for (uint32_t j = 0; j < numbers->count; j++) {
		bool found = false;

		for (uint32_t i = 0; base_tree_is_scalar(numbers->items[j]) && i < draft->ports->count; i++) {
			const struct base_tree *port = draft->ports->items[i];
			const char *target =
			    base_tree_str(port, "targetPort", base_tree_str(port, "port", ""));

			if (strcmp(numbers->items[j]->text, target) == 0) {
				base_tree_push(names,
				    k8s_import_text(import, base_tree_str(port, "name", "port")));
				found = true;
			}
		}
		if (!found) {
			note_draft(import, draft, base_arena_printf(import->arena,
			    "for port %s, which is no targetPort of the Service by its number: left out",
			    base_tree_is_scalar(numbers->items[j]) ? numbers->items[j]->text : "?"));
		}
	}
	return base_tree_done(names);
}

/* Methods or paths; NULL for all of them. */
static const struct base_tree *
limits_of(const struct base_tree *operation, const char *key)
{
	const struct base_tree *list = base_tree_get(operation, key);

	for (uint32_t i = 0; k8s_import_is_list(list) && i < list->count; i++) {
		if (base_tree_is_scalar(list->items[i]) && strcmp(list->items[i]->text, "*") == 0) {
			return NULL;
		}
	}
	return list;
}

static void
take_operation(struct k8s_import *import, struct k8s_import_draft *draft,
    const struct base_tree *principals, const struct base_tree *operation)
{
	static const char *const KNOWN[] = {"ports", "methods", "paths", NULL};
	const struct base_tree *numbers = base_tree_get(operation, "ports");
	const struct base_tree *ports =
	    k8s_import_is_list(numbers) ? port_names(import, draft, numbers) : NULL;

	note_others(import, draft, operation, KNOWN);
	if (ports != NULL && ports->count == 0) {
		return; /* none of its ports is known, and no list would mean all */
	}
	for (uint32_t i = 0; i < principals->count; i++) {
		struct k8s_import_caller caller = {NULL, NULL, ports, limits_of(operation, "methods"),
		    limits_of(operation, "paths")};
		const char *account;

		if (base_tree_is_scalar(principals->items[i]) &&
		    k8s_import_split_principal(import, principals->items[i]->text, &caller.namespace,
			&account)) {
			caller.name = k8s_import_service_of(import, caller.namespace, account);
			k8s_import_add_caller(import, draft, &caller, false);
		} else {
			note_draft(import, draft, "with a pattern of principals: left out");
		}
	}
}

static void
take_source(struct k8s_import *import, struct k8s_import_draft *draft,
    const struct base_tree *source, const struct base_tree *to)
{
	static const char *const KNOWN[] = {"principals", NULL};
	const struct base_tree *principals = base_tree_get(source, "principals");

	if (!k8s_import_is_list(principals)) {
		note_draft(import, draft, "that names no principals: left out");
		return;
	}
	note_others(import, draft, source, KNOWN);
	for (uint32_t j = 0; k8s_import_is_list(to) && j < to->count; j++) {
		take_operation(import, draft, principals, base_tree_get(to->items[j], "operation"));
	}
	if (!k8s_import_is_list(to)) {
		take_operation(import, draft, principals, NULL);
	}
}

static void
take_rule(struct k8s_import *import, struct k8s_import_draft *draft, const struct base_tree *rule)
{
	const struct base_tree *from = base_tree_get(rule, "from");
	const struct base_tree *to = base_tree_get(rule, "to");

	if (base_tree_get(rule, "when") != NULL) {
		note_draft(import, draft, "with conditions (when): they are not in the draft");
	}
	if (!k8s_import_is_list(from) || from->count == 0) {
		note_draft(import, draft, "that lets everybody in: left out");
		return;
	}
	for (uint32_t i = 0; i < from->count; i++) {
		take_source(import, draft, base_tree_get(from->items[i], "source"), to);
	}
}

void
k8s_import_policy(struct k8s_import *import, const struct base_tree *policy)
{
	const struct base_tree *spec = base_tree_get(policy, "spec");
	const struct base_tree *rules = base_tree_get(spec, "rules");
	const char *action = base_tree_str(spec, "action", "ALLOW");
	bool selected = false;

	if (strcmp(action, "ALLOW") != 0) {
		note_policy(import, policy, base_arena_printf(import->arena, "has action %s", action));
		return;
	}
	/* without a selector it would be taken for one about the whole namespace */
	if (base_tree_get(spec, "targetRefs") != NULL || base_tree_get(spec, "targetRef") != NULL) {
		note_policy(import, policy, "names targetRefs");
		return;
	}
	for (size_t i = 0; i < import->count; i++) {
		if (!selects(policy, &import->drafts[i])) {
			continue;
		}
		selected = true;
		for (uint32_t j = 0; k8s_import_is_list(rules) && j < rules->count; j++) {
			take_rule(import, &import->drafts[i], rules->items[j]);
		}
	}
	if (!selected && k8s_import_is_list(rules)) {
		note_policy(import, policy, "selects no Service here");
	}
}
