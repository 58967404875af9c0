/* SPDX-License-Identifier: Apache-2.0 */
/* What two applied copies differ in. */
#include "applied_mesh_make.h"

#define ID(name) "spiffe://shop.example/ns/" name

static const char OPEN[] =
	DOC "Environment\nmetadata: {name: production}\nspec:\n  trustDomain: shop.example\n"
	"  registration: open\n  clusters: [{name: one}]\n"
	"  istio: {revisions: [{name: a, tag: stable}, {name: b}], tag: stable}\n";
static const char CART_SUSPENDED[] = SERVICE("cart", "  identity: {state: suspended}\n");
static const char DESK[] = SERVICE("desk", "");

/* Two registrations in shop-eu, and what comes before them. */
#define SHOPS(count, before)                                                                  \
	"meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tshop.example\n"  \
	"registration\tregistered-only\nregistrations\t" count "\n" before   \
	"shop-eu\tdesk\tactive\t0\t\t\t\nshop-eu\tmill\tactive\t0\t\t\t\n"

static const char *
at(const struct base_tree *list, uint32_t i, const char *key)
{
	ck_assert_uint_lt(i, list->count);
	return base_tree_str(list->items[i], key, "-");
}

START_TEST(tells_registrations_and_values_apart)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *diff;
	const struct base_tree *rows;
	struct base_buf old;
	struct base_buf new;

	write_all(ENVIRONMENT, CART, &old);
	write_all(OPEN, CART_SUSPENDED, &new);
	diff = k8s_applied_diff(arena, base_buf_span(&old), base_buf_span(&new));
	ck_assert_ptr_nonnull(diff);
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "old", ""),
	    "registered-only");
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "new", ""), "open");
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 1);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "old"),
	    "active, at most 7200 s, p-256 keys, rsa-2048 keys, names cart.shop.svc, of team");
	ck_assert_str_eq(at(rows, 0, "new"), "suspended, of team");
	rows = base_tree_get(diff, "values");
	ck_assert_str_eq(at(rows, 0, "path"), "environment.registration");
	ck_assert_str_eq(at(rows, 0, "old"), "\"registered-only\"");
	ck_assert_str_eq(at(rows, 1, "path"), "services.shop/cart.identity.state");
	base_buf_clear(&new);
	/* One comes, one goes. */
	write_all(ENVIRONMENT, DESK, &new);
	diff = k8s_applied_diff(arena, base_buf_span(&old), base_buf_span(&new));
	ck_assert_ptr_null(base_tree_get(diff, "registration"));
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 2);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "new"), "-");
	ck_assert_str_eq(at(rows, 1, "identity"), ID("shop/sa/desk"));
	ck_assert_str_eq(at(rows, 1, "old"), "-");
	/* Nothing was applied before. */
	diff = k8s_applied_diff(arena, base_span_of(NULL, 0), base_buf_span(&new));
	ck_assert_str_eq(base_tree_str(base_tree_get(diff, "registration"), "old", "-"), "-");
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 3);
	/* The same. */
	diff = k8s_applied_diff(arena, base_buf_span(&new), base_buf_span(&new));
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 0);
	ck_assert_uint_eq(base_tree_get(diff, "values")->count, 0);
	ck_assert_ptr_null(k8s_applied_diff(arena, base_span_str("x"), base_buf_span(&new)));
	/* What another program wrote behind the registrations, and nobody can read. */
	diff = k8s_applied_diff(arena, base_span_str(SHOPS("2", "") "{: bad :}\n"), base_buf_span(&new));
	ck_assert_ptr_nonnull(diff);
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 5);
	/* shop comes before shop-eu in a document, and spiffe://.../shop-eu/ before shop/. */
	diff = k8s_applied_diff(arena, base_span_str(SHOPS("3", "shop\tcart\tactive\t0\t\t\t\n") "{}\n"),
	    base_span_str(SHOPS("2", "") "{}\n"));
	rows = base_tree_get(diff, "registrations");
	ck_assert_uint_eq(rows->count, 1);
	ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/cart"));
	ck_assert_str_eq(at(rows, 0, "new"), "-");
	base_buf_clear(&old);
	base_buf_clear(&new);
	base_arena_free(arena);
}
END_TEST


/* A document with these registrations and this inventory. */
#define DOCUMENT(count, rows, json) "meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tshop.example\n" \
	"registration\topen\nregistrations\t" count "\n" rows json "\n"
#define ROW(namespace, account, rest) namespace "\t" account "\t" rest "\n"

/* Values of two resolved inventories as lines "path old new". */
static void
expect_values(const char *old, const char *new, const char *lines)
{
	struct base_arena *arena = base_arena_new();
	const char *a = base_arena_printf(arena, DOCUMENT("0", "", "%s"), old);
	const char *b = base_arena_printf(arena, DOCUMENT("0", "", "%s"), new);
	const struct base_tree *diff = k8s_applied_diff(arena, base_span_str(a), base_span_str(b));
	const struct base_tree *rows;
	const char *text = "";

	ck_assert_msg(diff != NULL, "%s", mc_err_last()->detail);
	ck_assert_ptr_null(base_tree_get(diff, "registration"));
	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 0);
	rows = base_tree_get(diff, "values");
	for (uint32_t i = 0; i < rows->count; i++) {
		text = base_arena_printf(arena, "%s%s %s %s\n", text, at(rows, i, "path"), at(rows, i, "old"),
		    at(rows, i, "new"));
	}
	ck_assert_msg(strcmp(text, lines) == 0, "%s to %s:\n%s", old, new, text);
	base_arena_free(arena);
}

/* Down to where they differ; what is on one side only is shown whole. */
START_TEST(values_are_told_by_their_paths)
{
	expect_values("{\"a\":1}", "{\"a\":1}", "");
	expect_values("{\"a\":1,\"b\":{\"c\":1}}", "{\"b\":{\"c\":1},\"a\":1}", "");
	expect_values("{\"a\":1}", "{\"a\":2}", "a 1 2\n");
	expect_values("{\"a\":1}", "{\"a\":\"1\"}", "a 1 \"1\"\n");
	expect_values("{\"a\":{\"b\":{\"c\":1,\"d\":2}}}", "{\"a\":{\"b\":{\"c\":1,\"d\":3}}}", "a.b.d 2 3\n");
	expect_values("{\"a\":{\"b\":[1,{\"c\":2}]}}", "{}", "a {\"b\":[1,{\"c\":2}]} -\n");
	expect_values("{}", "{\"a\":{\"b\":1}}", "a - {\"b\":1}\n");
	expect_values("{\"a\":{\"b\":1}}", "{\"a\":[1]}", "a {\"b\":1} [1]\n");
	expect_values("{\"a\":1,\"b\":1}", "{\"b\":2,\"c\":1}", "a 1 -\nb 1 2\nc - 1\n");
}
END_TEST

/* Lists whose items all have names are told by those, in whatever order; others as wholes. */
START_TEST(lists_are_told_by_names)
{
	expect_values("{\"l\":[{\"name\":\"a\",\"x\":1},{\"name\":\"b\"}]}", "{\"l\":[{\"name\":\"b\"},{\"name\":\"a\",\"x\":1}]}",
	    "");
	expect_values("{\"l\":[{\"name\":\"a\",\"x\":1}]}", "{\"l\":[{\"name\":\"a\",\"x\":2}]}", "l.a.x 1 2\n");
	expect_values("{\"l\":[{\"name\":\"a\"}]}", "{\"l\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "l.b - {\"name\":\"b\"}\n");
	expect_values("{\"l\":[{\"namespace\":\"n\",\"name\":\"a\",\"x\":1}]}",
	    "{\"l\":[{\"namespace\":\"n\",\"name\":\"a\",\"x\":2}]}", "l.n/a.x 1 2\n");
	expect_values("{\"l\":[{\"namespace\":\"n\",\"name\":\"a\"}]}", "{\"l\":[{\"namespace\":\"m\",\"name\":\"a\"}]}",
	    "l.n/a {\"namespace\":\"n\",\"name\":\"a\"} -\nl.m/a - {\"namespace\":\"m\",\"name\":\"a\"}\n");
	expect_values("{\"l\":[1,2]}", "{\"l\":[2,1]}", "l [1,2] [2,1]\n");
	/* one without a name, or two of one: nobody could say which is meant */
	expect_values("{\"l\":[{\"name\":\"a\"},{}]}", "{\"l\":[{\"name\":\"a\"}]}", "l [{\"name\":\"a\"},{}] [{\"name\":\"a\"}]\n");
	expect_values("{\"l\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "{\"l\":[{\"name\":\"a\"}]}",
	    "l [{\"name\":\"a\"},{\"name\":\"a\"}] [{\"name\":\"a\"}]\n");
}
END_TEST

/* Each thing that a registration says is told, and its change is one. */
START_TEST(registrations_are_told_whole)
{
	static const struct {
		const char *row, *words;
	} ROWS[] = {
		{ROW("shop", "a", "active\t0\t\t\t"), "active"},
		{ROW("shop", "a", "retired\t0\t\t\t"), "retired"},
		{ROW("shop", "a", "active\t60\t\t\t"), "active, at most 60 s"},
		{ROW("shop", "a", "active\t0\tp-256\t\t"), "active, p-256 keys"},
		{ROW("shop", "a", "active\t0\tp-384,rsa-4096\t\t"), "active, p-384 keys, rsa-4096 keys"},
		{ROW("shop", "a", "active\t0\t\ta.example,b.example\t"), "active, names a.example,b.example"},
		{ROW("shop", "a", "active\t0\t\t\tteam"), "active, of team"},
	};
	enum { COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

	for (size_t i = 0; i < COUNT; i++) {
		struct base_arena *arena = base_arena_new();
		size_t next = (i + 1) % COUNT;
		const char *a = base_arena_printf(arena, DOCUMENT("1", "%s", "{}"), ROWS[i].row);
		const char *b = base_arena_printf(arena, DOCUMENT("1", "%s", "{}"), ROWS[next].row);
		const struct base_tree *rows;

		rows = base_tree_get(k8s_applied_diff(arena, base_span_str(a), base_span_str(b)), "registrations");
		ck_assert_uint_eq(rows->count, 1);
		ck_assert_str_eq(at(rows, 0, "identity"), ID("shop/sa/a"));
		ck_assert_str_eq(at(rows, 0, "old"), ROWS[i].words);
		ck_assert_str_eq(at(rows, 0, "new"), ROWS[next].words);
		rows = base_tree_get(k8s_applied_diff(arena, base_span_str(a), base_span_str(a)), "registrations");
		ck_assert_uint_eq(rows->count, 0);
		base_arena_free(arena);
	}
}
END_TEST

/* The same rows in another trust domain are other identities. */
START_TEST(trust_domain_is_part_of_them)
{
	static const char OLD[] = DOCUMENT("1", ROW("shop", "a", "active\t0\t\t\t"), "{}");
	static const char NEW[] = "meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tother.example\n"
	    "registration\topen\nregistrations\t1\n" ROW("shop", "a", "active\t0\t\t\t") "{}\n";
	struct base_arena *arena = base_arena_new();
	const struct base_tree *diff = k8s_applied_diff(arena, base_span_str(OLD), base_span_str(NEW));

	ck_assert_uint_eq(base_tree_get(diff, "registrations")->count, 1);
	base_arena_free(arena);
}
END_TEST

/* Before the first there was no mode, whichever the first has. */
START_TEST(first_mode_is_told)
{
	static const char GOOD[] = DOCUMENT("0", "", "{}");
	struct base_arena *arena = base_arena_new();
	const struct base_tree *mode =
	    base_tree_get(k8s_applied_diff(arena, base_span_of(NULL, 0), base_span_str(GOOD)), "registration");

	ck_assert_str_eq(base_tree_str(mode, "old", "-"), "-");
	ck_assert_str_eq(base_tree_str(mode, "new", "-"), "open");
	base_arena_free(arena);
}
END_TEST

START_TEST(what_is_no_document_is_refused)
{
	static const char GOOD[] = DOCUMENT("0", "", "{}");
	struct base_arena *arena = base_arena_new();
	static uint8_t large[LIMIT_APPLIED + 1];

	ck_assert_ptr_null(k8s_applied_diff(arena, base_span_str(GOOD), base_span_str("x")));
	ck_assert_int_eq((int)mc_err_last()->code, (int)MC_EUSAGE);
	ck_assert_ptr_null(k8s_applied_diff(arena, base_span_str("x"), base_span_str(GOOD)));
	ck_assert_int_eq((int)mc_err_last()->code, (int)MC_EUSAGE);
	ck_assert_ptr_null(k8s_applied_diff(arena, base_span_str(GOOD), base_span_of(large, sizeof(large))));
	ck_assert_int_eq((int)mc_err_last()->code, (int)MC_ETOOBIG);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_applied_diff", tells_registrations_and_values_apart, values_are_told_by_their_paths,
    lists_are_told_by_names, registrations_are_told_whole, trust_domain_is_part_of_them, first_mode_is_told,
    what_is_no_document_is_refused)
