/* SPDX-License-Identifier: Apache-2.0 */
/* What a template refers to: names that something binds, arguments that are used, files. */
#include "template_parse_make.h"

static void
taken(const char *text)
{
	struct base_arena *arena = base_arena_new();
	struct tmpl_file file;

	ck_assert_msg(parse(arena, text, &file), "%s\n%s", text, mc_err_last()->detail);
	base_arena_free(arena);
}

#define ARGUMENT "\"@arguments\": [p]\n\"@body\": "

/* A template with @arguments sees those and nothing else, wherever it looks. */
START_TEST(test_names_are_bound)
{
	static const char *const BODIES[] = {"\"@{q}\"", "\"x-@{q}\"", "{\"@{q}\": 1}", "{a: \"@{q}\"}",
	    "[\"@{q}\"]", "{\"@if\": q, \"@then\": 1}", "{\"@if\": p, \"@then\": \"@{q}\"}",
	    "{\"@if\": p, \"@then\": 1, \"@else\": \"@{q}\"}", "{\"@concat\": [\"@{q}\"]}",
	    "{\"@merge\": [\"@{q}\"]}", "{\"@each\": q, \"@as\": i, \"@do\": 1}",
	    "{\"@each\": p, \"@as\": i, \"@do\": \"@{q}\"}",
	    "{\"@include\": x.yaml, \"@with\": {a: \"@{q}\"}}"};

	for (size_t i = 0; i < sizeof(BODIES) / sizeof(BODIES[0]); i++) {
		char text[160];

		(void)snprintf(text, sizeof(text), ARGUMENT "[\"@{p}\", %s]\n", BODIES[i]);
		parse_refused(text, ": nothing binds q; add it to @arguments");
		/* the same where the model is seen, whose keys nobody knows yet */
		(void)snprintf(text, sizeof(text), "[\"@{p}\", %s]\n", BODIES[i]);
		taken(text);
	}
}
END_TEST

/* Only the first name of a path is looked for. */
START_TEST(test_later_names_are_values)
{
	taken(ARGUMENT "\"@{p.q}\"\n");
	parse_refused(ARGUMENT "[\"@{p}\", \"@{q.p}\"]\n", "@{q.p}: nothing binds q");
}
END_TEST

START_TEST(test_arguments_are_used)
{
	static const char *const USES[] = {"\"@{p}\"", "\"x-@{p}\"", "{\"@{p}\": 1}",
	    "{\"@if\": p, \"@then\": 1}", "{\"@each\": p, \"@as\": i, \"@do\": 1}",
	    "{\"@include\": x.yaml, \"@with\": {a: \"@{p}\"}}"};

	for (size_t i = 0; i < sizeof(USES) / sizeof(USES[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), ARGUMENT "%s\n", USES[i]);
		taken(text);
	}
	parse_refused(ARGUMENT "1\n", "argument p is not used");
	parse_refused(ARGUMENT "\"@@{p}\"\n", "argument p is not used");
	parse_refused("\"@arguments\": [p, q]\n\"@body\": \"@{p}\"\n", "argument q is not used");
	parse_refused("\"@arguments\": [p, q]\n\"@body\": \"@{q}\"\n", "argument p is not used");
}
END_TEST

/* A name means one thing at a time; two loops beside each other may take the same. */
START_TEST(test_no_name_hides_another)
{
	parse_refused("- \"@each\": a.l\n  \"@as\": p\n  \"@do\": {\"@each\": a.l, \"@as\": p, \"@do\": 1}\n",
	    "t.yaml:3: @as p is bound already");
	parse_refused(ARGUMENT "{\"@each\": p, \"@as\": p, \"@do\": 1}\n", "@as p is bound already");
	taken("[{\"@each\": a, \"@as\": p, \"@do\": \"@{p}\"}, {\"@each\": b, \"@as\": p, \"@do\": \"@{p}\"}]\n");
	taken(ARGUMENT "{\"@each\": p, \"@as\": i, \"@do\": {\"@each\": i.x, \"@as\": k, \"@do\": \"@{i}@{k}\"}}\n");
}
END_TEST

/* What a loop binds is bound in its @do alone. */
START_TEST(test_bindings_end)
{
	parse_refused(ARGUMENT "[{\"@each\": p, \"@as\": i, \"@do\": 1}, \"@{i}\"]\n", "nothing binds i");
	parse_refused(ARGUMENT "[\"@{p}\", {\"@each\": i, \"@as\": i, \"@do\": 1}]\n", "nothing binds i");
}
END_TEST

struct seen {
	const char *names[16];
	size_t count;
	size_t stop; /* return false at so many; 0: never */
};

static bool
see(void *self, const struct tmpl *include)
{
	struct seen *seen = self;

	ck_assert_uint_lt(seen->count, 16);
	seen->names[seen->count++] = include->name;
	return seen->count != seen->stop;
}

START_TEST(test_each_include)
{
	static const char TEXT[] =
	    "a: {\"@include\": a}\n"
	    "b: [{\"@if\": x, \"@then\": {\"@include\": b}, \"@else\": {\"@include\": c}}]\n"
	    "d: {\"@each\": x, \"@as\": i, \"@do\": {\"@include\": d}}\n"
	    "e: {\"@concat\": [{\"@include\": e}]}\n"
	    "f: {\"@include\": f, \"@with\": {p: {\"@include\": g}}}\n"
	    "\"@merge\": [{\"@include\": h}]\n";
	struct base_arena *arena = base_arena_new();
	struct tmpl_file file;
	struct seen seen = {.count = 0};

	ck_assert_msg(parse(arena, TEXT, &file), "%s", mc_err_last()->detail);
	ck_assert(tmpl_each_include(file.body, see, &seen));
	ck_assert_uint_eq(seen.count, 8);
	for (char name = 'a'; name <= 'h'; name++) {
		size_t found = 0;

		for (size_t i = 0; i < seen.count; i++) {
			found += seen.names[i][0] == name ? 1 : 0;
		}
		ck_assert_msg(found == 1, "%c is there %zu times", name, found);
	}
	for (size_t stop = 1; stop <= 8; stop++) {
		seen = (struct seen){.stop = stop};
		ck_assert(!tmpl_each_include(file.body, see, &seen));
		ck_assert_uint_eq(seen.count, stop);
	}
	base_arena_free(arena);
}
END_TEST

CHECK_MAIN("k8s_template_names", test_names_are_bound, test_later_names_are_values,
    test_arguments_are_used, test_no_name_hides_another, test_bindings_end, test_each_include)
