/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of facts means for whoever reviews it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "k8s/generate_int.h"

enum risk { RISK_INVALID = 0, RISK_WEAKENED, RISK_ADDED, RISK_REMOVED, RISK_CHANGED };

static const char *const RISK_WORDS[] = {
    [RISK_WEAKENED] = "weakened",
    [RISK_ADDED] = "added",
    [RISK_REMOVED] = "removed",
    [RISK_CHANGED] = "changed",
};

/* A class of facts that opens something by being there at all. */
static const char *const OPENING[] = {"address", "egress", "exposure", "fault", "principal"};

struct fact {
	const char *class;
	const char *key;
	const char *value;
	int64_t strength;
};

struct risk_row {
	enum risk risk;
	const char *text;
};

static int
by_key(const void *a, const void *b)
{
	const struct fact *left = a, *right = b;
	int order = strcmp(left->class, right->class);

	if (order == 0) {
		order = strcmp(left->key, right->key);
	}
	return order != 0 ? order : strcmp(left->value, right->value);
}

static int
same_key(const struct fact *a, const struct fact *b)
{
	int order = strcmp(a->class, b->class);

	return order != 0 ? order : strcmp(a->key, b->key);
}

static int
by_risk(const void *a, const void *b)
{
	const struct risk_row *left = a, *right = b;

	return left->risk != right->risk ? (int)left->risk - (int)right->risk
					 : strcmp(left->text, right->text);
}

/* Sorted; not all are ours, so their order is not believed. */
static struct fact *
facts_of(struct base_arena *arena, const struct base_tree *list, size_t *count)
{
	struct fact *facts = base_arena_calloc(arena, list->count, sizeof(*facts));

	*count = list->kind == BASE_TREE_LIST ? list->count : 0;
	for (size_t i = 0; i < *count; i++) {
		facts[i] = (struct fact){
		    .class = base_tree_str(list->items[i], "class", ""),
		    .key = base_tree_str(list->items[i], "key", ""),
		    .value = base_tree_str(list->items[i], "value", ""),
		    .strength = base_tree_int(list->items[i], "strength", 0),
		};
	}
	if (*count > 1) {
		qsort(facts, *count, sizeof(*facts), by_key);
	}
	return facts;
}

static bool
opens(const char *class)
{
	for (size_t i = 0; i < sizeof(OPENING) / sizeof(OPENING[0]); i++) {
		if (strcmp(OPENING[i], class) == 0) {
			return true;
		}
	}
	return false;
}

static struct risk_row
row_of_one(struct base_arena *arena, const struct fact *fact, bool added)
{
	enum risk risk = !added ? RISK_REMOVED : opens(fact->class) ? RISK_WEAKENED : RISK_ADDED;
	const char *colon = *fact->value == '\0' ? "" : ": ";

	return (struct risk_row){risk, base_arena_printf(arena, "%s %s %s%s%s", added ? "new" : "no more",
					   fact->class, fact->key, colon, fact->value)};
}

static struct risk_row
row_of_two(struct base_arena *arena, const struct fact *old, const struct fact *now)
{
	if (strcmp(old->value, now->value) == 0 && old->strength == now->strength) {
		return (struct risk_row){0};
	}
	return (struct risk_row){now->strength < old->strength ? RISK_WEAKENED : RISK_CHANGED,
	    base_arena_printf(arena, "%s %s: %s -> %s", now->class, now->key, old->value, now->value)};
}

static const struct base_tree *
tree_of(struct base_arena *arena, const struct risk_row *rows, size_t count)
{
	struct base_tree_build *list = base_tree_list(arena, &gen_here);

	for (size_t i = 0; i < count; i++) {
		struct base_tree_build *row = base_tree_map(arena, &gen_here);

		base_tree_put(row, "risk", base_tree_string(arena, RISK_WORDS[rows[i].risk], &gen_here));
		base_tree_put(row, "text", base_tree_string(arena, rows[i].text, &gen_here));
		base_tree_push(list, base_tree_done(row));
	}
	return base_tree_done(list);
}

const struct base_tree *
k8s_generate_risks(struct base_arena *arena, const struct base_tree *before,
    const struct base_tree *after)
{
	size_t old_count = 0, now_count = 0, count = 0, i = 0, j = 0;
	const struct fact *old = facts_of(arena, before, &old_count);
	const struct fact *now = facts_of(arena, after, &now_count);
	struct risk_row *rows = base_arena_calloc(arena, old_count + now_count, sizeof(*rows));

	while (i < old_count || j < now_count) {
		int order = i == old_count ? 1 : j == now_count ? -1 : same_key(&old[i], &now[j]);
		struct risk_row row = order < 0 ? row_of_one(arena, &old[i], false)
		    : order > 0			? row_of_one(arena, &now[j], true)
						: row_of_two(arena, &old[i], &now[j]);

		i += order <= 0 ? 1 : 0;
		j += order >= 0 ? 1 : 0;
		if (row.risk != RISK_INVALID) {
			rows[count++] = row;
		}
	}
	if (count > 1) {
		qsort(rows, count, sizeof(*rows), by_risk);
	}
	return tree_of(arena, rows, count);
}
