/* SPDX-License-Identifier: Apache-2.0 */
/* Circles of services that wait for each other. */
#include "graph_make.h"

#include <stdlib.h>

#include "base/mem.h"

#define ACCEPTS(names) "  accepts: [" names "]\n"
#define CALLS(names) "  calls: [" names "]\n"
#define TO(name) "{service: " name "}"
#define FROM(name) "{from: " name "}"

/* All findings about circles in a mesh, as text. */
static void
expect(const char *documents, const char *findings)
{
	struct mesh mesh;

	mesh_make(&mesh, documents);
	ck_assert_str_eq(findings_of(&mesh), findings);
	mesh_drop(&mesh);
}

START_TEST(test_circles_are_found)
{
	expect(SERVICE("a") CALLS(TO("a")) ACCEPTS(FROM("a")), "MCA1010 services wait for each other: a -> a\n");
	expect(SERVICE("a") CALLS(TO("b")) ACCEPTS(FROM("b")) SERVICE("b") CALLS(TO("a")) ACCEPTS(FROM("a")),
	    "MCA1010 services wait for each other: a -> b -> a\n");
	expect(SERVICE("a") CALLS(TO("b")) ACCEPTS(FROM("c")) SERVICE("b") CALLS(TO("c")) ACCEPTS(FROM("a"))
	    SERVICE("c") CALLS(TO("a")) ACCEPTS(FROM("b")),
	    "MCA1010 services wait for each other: a -> b -> c -> a\n");
}
END_TEST

START_TEST(test_what_is_no_circle)
{
	/* a fork that meets again */
	expect(SERVICE("a") CALLS(TO("b") ", " TO("c")) SERVICE("b") CALLS(TO("d")) ACCEPTS(FROM("a"))
	    SERVICE("c") CALLS(TO("d")) ACCEPTS(FROM("a")) SERVICE("d") ACCEPTS(FROM("b") ", " FROM("c")), "");
	/* nobody waits for one of the calls */
	expect(SERVICE("a") CALLS("{service: b, asynchronous: true}") ACCEPTS(FROM("b"))
	    SERVICE("b") CALLS(TO("a")) ACCEPTS(FROM("a")), "");
	/* what is derived is not waited for: peers of a database call each other */
	expect(DATA("db", "{name: p, port: 7, peer: true}"), "");
}
END_TEST

/* Who leads to a circle, or is led to, is not on it. */
START_TEST(test_tails_are_left_out)
{
	expect(SERVICE("a") CALLS(TO("b")) SERVICE("b") CALLS(TO("c")) ACCEPTS(FROM("a") ", " FROM("c"))
	    SERVICE("c") CALLS(TO("d") ", " TO("b")) ACCEPTS(FROM("b")) SERVICE("d") ACCEPTS(FROM("c")),
	    "MCA1010 services wait for each other: b -> c -> b\n");
}
END_TEST

START_TEST(test_each_circle_is_told)
{
	expect(SERVICE("a") CALLS(TO("b")) ACCEPTS(FROM("b")) SERVICE("b") CALLS(TO("a")) ACCEPTS(FROM("a"))
	    SERVICE("c") CALLS(TO("d")) ACCEPTS(FROM("d")) SERVICE("d") CALLS(TO("c")) ACCEPTS(FROM("c")),
	    "MCA1010 services wait for each other: a -> b -> a\n"
	    "MCA1010 services wait for each other: c -> d -> c\n");
	/* circles that share a call site: at least one of them */
	expect(SERVICE("a") CALLS(TO("b") ", " TO("c")) ACCEPTS(FROM("b") ", " FROM("c"))
	    SERVICE("b") CALLS(TO("a")) ACCEPTS(FROM("a")) SERVICE("c") CALLS(TO("a")) ACCEPTS(FROM("a")),
	    "MCA1010 services wait for each other: a -> b -> a\n");
	/* a way that runs into a circle and out of it into another */
	expect(SERVICE("a") CALLS(TO("b")) ACCEPTS(FROM("b")) SERVICE("b") CALLS(TO("a") ", " TO("c"))
	    ACCEPTS(FROM("a")) SERVICE("c") CALLS(TO("d")) ACCEPTS(FROM("b") ", " FROM("d"))
	    SERVICE("d") CALLS(TO("c")) ACCEPTS(FROM("c")),
	    "MCA1010 services wait for each other: a -> b -> a\n"
	    "MCA1010 services wait for each other: c -> d -> c\n");
}
END_TEST

/* Where a circle is too long to be told, it is still told that there is one. */
START_TEST(test_long_circle)
{
	enum { COUNT = 300 };
	size_t size = (size_t)COUNT * 400;
	char *text = base_xcalloc(1, size);
	size_t len = 0;
	struct mesh mesh;

	for (int i = 0; i < COUNT; i++) {
		len += (size_t)snprintf(text + len, size - len,
		    DOC "Service\nmetadata: {name: s%03d, namespace: shop}\nspec:\n  owner: team\n"
		    "  workload: {selector: {app: s%03d}}\n  ports: [" HTTP "]\n"
		    "  calls: [{service: s%03d}]\n  accepts: [{from: s%03d}]\n", i, i, (i + 1) % COUNT,
		    (i + COUNT - 1) % COUNT);
	}
	mesh_make(&mesh, text);
	ck_assert_str_eq(findings_of(&mesh), "MCA1010 services wait for each other: a long circle\n");
	mesh_drop(&mesh);
	free(text);
}
END_TEST

CHECK_MAIN("k8s_graph_check", test_circles_are_found, test_what_is_no_circle, test_tails_are_left_out,
    test_each_circle_is_told, test_long_circle)
