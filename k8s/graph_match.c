/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two sides of an edge have in common. Patterns are those of AuthorizationPolicy: exact,
 * "/prefix/ *", "* /suffix", "*", and templates with {*} and {**} (istio/api
 * security/v1/authorization_policy.proto). A template covers single paths, and itself.
 */
#include "k8s/model_int.h"

#include <string.h>

/* {*} is one segment that is not empty, {**} one or more; after {**} comes only plain text. */
static bool
template_covers(const char *p, const char *q)
{
	while (*p != '\0') {
		if (strncmp(p, "{**}", 4) == 0) {
			size_t rest = strlen(p + 4);
			size_t left = strlen(q);

			return left > rest && *q != '/' && strcmp(q + left - rest, p + 4) == 0;
		}
		if (strncmp(p, "{*}", 3) == 0) {
			size_t segment = strcspn(q, "/");

			if (segment == 0) {
				return false;
			}
			p += 3;
			q += segment;
		} else if (*p++ != *q++) {
			return false;
		}
	}
	return *q == '\0';
}

bool
k8s_path_covers(const char *p, const char *q)
{
	size_t p_len = strlen(p);
	size_t q_len = strlen(q);

	if (strcmp(p, q) == 0 || strcmp(p, "*") == 0 || strcmp(p, "/*") == 0) {
		return true;
	}
	if (p_len == 0) {
		return false;
	}
	if (strchr(p, '{') != NULL) {
		return strpbrk(q, "*{") == NULL && template_covers(p, q);
	}
	if (p[p_len - 1] == '*') {
		return q[0] != '*' && strncmp(p, q, p_len - 1) == 0;
	}
	if (p[0] == '*') {
		return q_len >= p_len - 1 && q[q_len - 1] != '*' &&
		       strcmp(q + q_len - (p_len - 1), p + 1) == 0;
	}
	return false;
}

bool
k8s_list_has(const struct base_tree *list, const char *text)
{
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		if (base_tree_is_scalar(list->items[i]) && strcmp(list->items[i]->text, text) == 0) {
			return true;
		}
	}
	return false;
}

const struct base_tree *
k8s_methods_common(struct base_arena *arena, const struct base_tree *a, const struct base_tree *b,
    bool *empty)
{
	struct base_tree_build *out;
	const struct base_tree *done;

	*empty = false;
	if (a == NULL || b == NULL) {
		return a == NULL ? b : a;
	}
	out = base_tree_list(arena, a->origin);
	for (size_t i = 0; i < a->count; i++) {
		if (k8s_list_has(b, a->items[i]->text)) {
			base_tree_push(out, a->items[i]);
		}
	}
	done = base_tree_done(out);
	*empty = done->count == 0;
	return done;
}

const struct base_tree *
k8s_paths_common(struct base_arena *arena, const struct base_tree *a, const struct base_tree *b,
    bool *empty)
{
	struct k8s_index *seen;
	struct base_tree_build *out;
	const struct base_tree *done;

	*empty = false;
	if (a == NULL || b == NULL) {
		return a == NULL ? b : a;
	}
	seen = k8s_index_new(arena);
	out = base_tree_list(arena, a->origin);
	for (size_t i = 0; i < a->count; i++) {
		for (size_t j = 0; j < b->count; j++) {
			const struct base_tree *narrow = NULL;

			if (k8s_path_covers(b->items[j]->text, a->items[i]->text)) {
				narrow = a->items[i];
			} else if (k8s_path_covers(a->items[i]->text, b->items[j]->text)) {
				narrow = b->items[j];
			}
			if (narrow != NULL && k8s_index_get(seen, narrow->text) == NULL) {
				k8s_index_put(seen, narrow->text, seen);
				base_tree_push(out, narrow);
			}
		}
	}
	done = base_tree_done(out);
	*empty = done->count == 0;
	return done;
}
