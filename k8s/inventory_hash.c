/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of a resolved environment. Its one written form is JSON on one line, keys sorted. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "k8s/inventory_int.h"

/* Four times the files: what defaults and environments add. */
#define FORM_MAX ((size_t)LIMIT_INVENTORY * 4)

static int
compare_keys(const void *a, const void *b)
{
	const struct base_tree_entry *const *x = a;
	const struct base_tree_entry *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static const struct base_tree *
sorted(struct base_arena *arena, const struct base_tree *node)
{
	struct base_tree_build *out;
	const struct base_tree_entry **rows;

	if (node->kind == BASE_TREE_LIST) {
		out = base_tree_list(arena, node->origin);
		for (uint32_t i = 0; i < node->count; i++) {
			base_tree_push(out, sorted(arena, node->items[i]));
		}
		return base_tree_done(out);
	}
	if (node->kind != BASE_TREE_MAP) {
		return node;
	}
	rows = base_arena_calloc(arena, node->count, sizeof(*rows));
	for (uint32_t i = 0; i < node->count; i++) {
		rows[i] = &node->entries[i];
	}
	if (node->count > 1) {
		qsort(rows, node->count, sizeof(*rows), compare_keys);
	}
	out = base_tree_map(arena, node->origin);
	for (uint32_t i = 0; i < node->count; i++) {
		base_tree_put(out, rows[i]->key, sorted(arena, rows[i]->value));
	}
	return base_tree_done(out);
}

const char *
k8s_inventory_hash(struct base_arena *arena, const struct base_tree *resolved)
{
	static const char DIGITS[] = "0123456789abcdef";
	char *hex = base_arena_calloc(arena, 1, BASE_SHA256_LEN * 2 + 1);
	struct base_arena *scratch = base_arena_new();
	uint8_t hash[BASE_SHA256_LEN];
	struct base_buf form;

	base_buf_init(&form, FORM_MAX);
	base_json_write(&form, sorted(scratch, resolved), 0);
	if (base_buf_failed(&form)) {
		(void)MC_FAIL(MC_ETOOBIG, "a resolved environment above %zu bytes", FORM_MAX);
		hex = NULL;
		goto out;
	}
	base_crypto_sha256(base_buf_span(&form), hash);
	for (size_t i = 0; i < sizeof(hash); i++) {
		hex[2 * i] = DIGITS[hash[i] >> 4];
		hex[2 * i + 1] = DIGITS[hash[i] & 15];
	}
out:
	base_buf_clear(&form);
	base_arena_free(scratch);
	return hex;
}
