/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of facts means for whoever reviews it.
 *
 * Some values say what is let through, as conditions: "methods GET,POST paths /a,/b", alternatives
 * apart by "; ". More conditions let through less, more words after one of them more.
 */
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

static const struct trait {
	const char *class;
	bool opens;  /* by being there at all */
	bool guards; /* by being there at all */
	bool grants; /* its value may be conditions */
} TRAITS[] = {
    {"edge", false, false, true},
    {"egress", true, false, false},
    {"exception", true, false, false},
    {"exposure", true, false, false},
    {"fault", true, false, false},
    {"guard", false, true, true},
    {"mtls", false, false, false},
    {"principal", true, false, false},
    {"stranger", true, false, false},
    {"topic", true, false, true},
};

#define MTLS_STRICT 2 /* k8s/model_facts.c */

struct fact {
	const char *class;
	const char *key;
	const char *value;
	const char *of;
	int64_t strength;
};

struct facts {
	const struct fact *at;
	size_t count;
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

/* Also for bsearch. */
static int
same_key(const void *a, const void *b)
{
	const struct fact *left = a, *right = b;
	int order = strcmp(left->class, right->class);

	return order != 0 ? order : strcmp(left->key, right->key);
}

static int
by_risk(const void *a, const void *b)
{
	const struct risk_row *left = a, *right = b;

	return left->risk != right->risk ? (int)left->risk - (int)right->risk
					 : strcmp(left->text, right->text);
}

/* Sorted; not all are ours, so their order is not believed. */
static struct facts
facts_of(struct base_arena *arena, const struct base_tree *list)
{
	size_t count = list->kind == BASE_TREE_LIST ? list->count : 0;
	struct fact *facts = base_arena_calloc(arena, count, sizeof(*facts));

	for (size_t i = 0; i < count; i++) {
		facts[i] = (struct fact){
		    .class = base_tree_str(list->items[i], "class", ""),
		    .key = base_tree_str(list->items[i], "key", ""),
		    .value = base_tree_str(list->items[i], "value", ""),
		    .of = base_tree_str(list->items[i], "of", ""),
		    .strength = base_tree_int(list->items[i], "strength", 0),
		};
	}
	if (count > 1) {
		qsort(facts, count, sizeof(*facts), by_key);
	}
	return (struct facts){facts, count};
}

static const struct trait *
trait_of(const char *class)
{
	static const struct trait NONE = {"", false, false, false};

	for (size_t i = 0; i < sizeof(TRAITS) / sizeof(TRAITS[0]); i++) {
		if (strcmp(TRAITS[i].class, class) == 0) {
			return &TRAITS[i];
		}
	}
	return &NONE;
}

/* --- conditions --- */
static struct base_span
next_word(struct base_span *rest, char end)
{
	size_t blank = rest->len > 0 && *rest->ptr == ' ' ? 1 : 0; /* behind a ";" */
	const uint8_t *from = rest->ptr + blank;
	size_t len = rest->len - blank;
	const uint8_t *stop = memchr(from, end, len);
	size_t word = stop == NULL ? len : (size_t)(stop - from);
	size_t skip = stop == NULL ? len : word + 1;

	*rest = base_span_of(from + skip, len - skip);
	return base_span_of(from, word);
}

/* A star at the end covers all that begins so. */
static bool
covers_word(struct base_span old, struct base_span word)
{
	if (old.len > 0 && old.ptr[old.len - 1] == '*') {
		return word.len >= old.len - 1 && memcmp(old.ptr, word.ptr, old.len - 1) == 0;
	}
	return base_span_equal(old, word);
}

/* Each of the words now is covered by one of the old. */
static bool
covers_words(struct base_span old, struct base_span now)
{
	while (now.len > 0) {
		struct base_span word = next_word(&now, ','), rest = old;
		bool found = false;

		while (!found && rest.len > 0) {
			found = covers_word(next_word(&rest, ','), word);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

/* The words of a condition in an alternative; false: it has none of this name. */
static bool
find_words(struct base_span alternative, struct base_span name, struct base_span *out)
{
	while (alternative.len > 0) {
		struct base_span other = next_word(&alternative, ' ');
		struct base_span words = next_word(&alternative, ' ');

		if (base_span_equal(other, name)) {
			*out = words;
			return true;
		}
	}
	return false;
}

/* Whatever the alternative now lets through, the old one does. */
static bool
covers_alternative(struct base_span old, struct base_span now)
{
	while (old.len > 0) {
		struct base_span name = next_word(&old, ' '), words = next_word(&old, ' '), those;

		if (!base_span_equal_str(words, "any") &&
		    (!find_words(now, name, &those) || !covers_words(words, those))) {
			return false;
		}
	}
	return true;
}

static bool
covers(const char *old_value, const char *now_value)
{
	struct base_span now = base_span_str(now_value);

	while (now.len > 0) {
		struct base_span one = next_word(&now, ';'), old = base_span_str(old_value);
		bool found = false;

		while (!found && old.len > 0) {
			found = covers_alternative(next_word(&old, ';'), one);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

/* --- what became of a fact --- */
/* Is what it is of still there? */
static bool
is_there(const struct facts *facts, const char *of)
{
	static const char *const CLASSES[] = {"egress", "identity", "mtls"};

	for (size_t i = 0; i < sizeof(CLASSES) / sizeof(CLASSES[0]); i++) {
		const struct fact key = {.class = CLASSES[i], .key = of};

		if (facts->count > 0 &&
		    bsearch(&key, facts->at, facts->count, sizeof(key), same_key) != NULL) {
			return true;
		}
	}
	return *of == '\0';
}

static struct risk_row
row_of_one(struct base_arena *arena, const struct fact *fact, bool added, enum risk risk)
{
	const char *colon = *fact->value == '\0' ? "" : ": ";

	return (struct risk_row){risk, base_arena_printf(arena, "%s %s %s%s%s", added ? "new" : "no more",
					   fact->class, fact->key, colon, fact->value)};
}

static struct risk_row
row_of_new(struct base_arena *arena, const struct facts *before, const struct fact *fact)
{
	const struct trait *trait = trait_of(fact->class);
	/* of a service that is new as a whole, its edges tell */
	bool untold = trait->guards && !is_there(before, fact->of);
	bool lax = strcmp(fact->class, "mtls") == 0 && fact->strength < MTLS_STRICT;

	return untold ? (struct risk_row){0}
		      : row_of_one(arena, fact, true,
			    trait->opens || lax ? RISK_WEAKENED : RISK_ADDED);
}

static struct risk_row
row_of_old(struct base_arena *arena, const struct facts *after, const struct fact *fact)
{
	const struct trait *trait = trait_of(fact->class);
	bool there = is_there(after, fact->of);

	return trait->guards && !there
	    ? (struct risk_row){0}
	    : row_of_one(arena, fact, false, trait->guards ? RISK_WEAKENED : RISK_REMOVED);
}

static struct risk_row
row_of_two(struct base_arena *arena, const struct fact *old, const struct fact *now)
{
	/* what has a rank is judged by it alone */
	bool conditions = trait_of(now->class)->grants && now->strength == old->strength &&
	    strchr(now->value, ' ') != NULL;
	bool weaker = now->strength < old->strength || (conditions && !covers(old->value, now->value));

	return (struct risk_row){weaker ? RISK_WEAKENED : RISK_CHANGED,
	    base_arena_printf(arena, "%s %s: %s -> %s", now->class, now->key, old->value, now->value)};
}

/* --- all of them --- */
struct risks {
	struct base_arena *arena;
	struct facts before, after;
	struct risk_row *rows;
	size_t count;
};

static void
push(struct risks *risks, struct risk_row row)
{
	if (row.risk != RISK_INVALID) {
		risks->rows[risks->count++] = row;
	}
}

/* Of facts from at on, those of one key. */
static size_t
group(const struct facts *facts, size_t at)
{
	size_t end = at + 1;

	while (end < facts->count && same_key(&facts->at[at], &facts->at[end]) == 0) {
		end++;
	}
	return end;
}

static bool
has_value(const struct facts *facts, size_t from, size_t to, const char *value)
{
	while (from < to && strcmp(facts->at[from].value, value) != 0) {
		from++;
	}
	return from < to;
}

/* The next of facts whose value the others do not have; to: none. */
static size_t
skip_same(const struct facts *facts, size_t at, size_t to, const struct facts *others, size_t from,
    size_t end)
{
	while (at < to && has_value(others, from, end, facts->at[at].value)) {
		at++;
	}
	return at;
}

/* Facts i..i_end before and j..j_end after are of one key: what both have is no change. */
static void
compare_group(struct risks *risks, size_t i_from, size_t i_end, size_t j_from, size_t j_end)
{
	const struct facts *before = &risks->before, *after = &risks->after;
	size_t i = skip_same(before, i_from, i_end, after, j_from, j_end);
	size_t j = skip_same(after, j_from, j_end, before, i_from, i_end);

	while (i < i_end && j < j_end) {
		push(risks, row_of_two(risks->arena, &before->at[i], &after->at[j]));
		i = skip_same(before, i + 1, i_end, after, j_from, j_end);
		j = skip_same(after, j + 1, j_end, before, i_from, i_end);
	}
	for (; i < i_end; i = skip_same(before, i + 1, i_end, after, j_from, j_end)) {
		push(risks, row_of_old(risks->arena, after, &before->at[i]));
	}
	for (; j < j_end; j = skip_same(after, j + 1, j_end, before, i_from, i_end)) {
		push(risks, row_of_new(risks->arena, before, &after->at[j]));
	}
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
	struct risks risks = {.arena = arena, .before = facts_of(arena, before),
	    .after = facts_of(arena, after)};
	size_t i = 0, j = 0;

	risks.rows = base_arena_calloc(arena, risks.before.count + risks.after.count,
	    sizeof(*risks.rows));
	while (i < risks.before.count || j < risks.after.count) {
		int order = i == risks.before.count ? 1
		    : j == risks.after.count	    ? -1
						    : same_key(&risks.before.at[i], &risks.after.at[j]);
		size_t i_end = order <= 0 ? group(&risks.before, i) : i;
		size_t j_end = order >= 0 ? group(&risks.after, j) : j;

		compare_group(&risks, i, i_end, j, j_end);
		i = i_end;
		j = j_end;
	}
	if (risks.count > 1) {
		qsort(risks.rows, risks.count, sizeof(*risks.rows), by_risk);
	}
	return tree_of(arena, risks.rows, risks.count);
}
