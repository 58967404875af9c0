/* SPDX-License-Identifier: Apache-2.0 */
/* Path patterns of policies, and what two sides of an edge have in common. */
#include "check_main.h"

#include "k8s/graph.h"

static const struct base_origin HERE = {.file = "test"};

START_TEST(test_covers)
{
	static const struct {
		const char *p, *q;
		bool covers;
	} ROWS[] = {
	    {"/a", "/a", true},
	    {"/a", "/ab", false},
	    {"*", "/a", true},
	    {"/*", "/a/*", true},
	    {"/a/*", "/a/b", true},
	    {"/a/*", "/a/", true},
	    {"/a/*", "/a", false},
	    {"/a/*", "/a/b/*", true},
	    {"/a/b/*", "/a/*", false},
	    {"/a/*", "*/b", false},
	    {"*/b", "/a/b", true},
	    {"*/b", "/a/b/*", false},
	    {"/a/{*}", "/a/b", true},
	    {"/a/{*}", "/a/", false},
	    {"/a/{*}", "/a/b/c", false},
	    {"/a/{*}/c", "/a/b/c", true},
	    {"/a/{*}/c", "/a/b/d", false},
	    {"/a/{*}", "/a/*", false},
	    {"/a/{*}", "/a/{*}", true},
	    {"/a/*", "/a/{*}", true},
	    {"/{**}", "/a/b", true},
	    {"/{**}", "/", false},
	    {"/{**}/c", "/a/b/c", true},
	    {"/{**}/c", "/c", false},
	    {"/a/{**}", "/b/c", false},
	    {"", "/a", false},
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		ck_assert_msg(k8s_path_covers(ROWS[i].p, ROWS[i].q) == ROWS[i].covers, "%s and %s",
		    ROWS[i].p, ROWS[i].q);
	}
}
END_TEST

static const struct base_tree *
list(struct base_arena *arena, const char *first, const char *second)
{
	struct base_tree_build *out = base_tree_list(arena, &HERE);

	base_tree_push(out, first == NULL ? NULL : base_tree_string(arena, first, &HERE));
	base_tree_push(out, second == NULL ? NULL : base_tree_string(arena, second, &HERE));
	return base_tree_done(out);
}

START_TEST(test_methods)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *both = list(arena, "GET", "POST"), *one = list(arena, "POST", NULL);
	bool empty;

	ck_assert_ptr_null(k8s_methods_common(arena, NULL, NULL, &empty));
	ck_assert(!empty);
	ck_assert_ptr_eq(k8s_methods_common(arena, NULL, one, &empty), one);
	ck_assert_ptr_eq(k8s_methods_common(arena, one, NULL, &empty), one);
	ck_assert(base_tree_equal(k8s_methods_common(arena, both, one, &empty), one));
	ck_assert(!empty);
	(void)k8s_methods_common(arena, one, list(arena, "GET", NULL), &empty);
	ck_assert(empty);
	base_arena_free(arena);
}
END_TEST

/* Of two patterns the narrower one is what both allow. */
START_TEST(test_paths)
{
	struct base_arena *arena = base_arena_new();
	const struct base_tree *wide = list(arena, "/a/*", NULL), *narrow = list(arena, "/a/b", "/c");
	bool empty;

	ck_assert_ptr_eq(k8s_paths_common(arena, NULL, wide, &empty), wide);
	ck_assert(base_tree_equal(k8s_paths_common(arena, wide, narrow, &empty),
	    list(arena, "/a/b", NULL)));
	ck_assert(base_tree_equal(k8s_paths_common(arena, narrow, wide, &empty),
	    list(arena, "/a/b", NULL)));
	ck_assert(!empty);
	(void)k8s_paths_common(arena, wide, list(arena, "/b/*", NULL), &empty);
	ck_assert(empty);
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_graph_match", test_covers, test_methods, test_paths)
