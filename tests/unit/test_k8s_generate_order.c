/* SPDX-License-Identifier: Apache-2.0 */
/* The orders in which objects are written. */
#include "check_main.h"

#include "k8s/generate_int.h"

/* From the first to the last, by identity. */
static const struct gen_object SORTED[] = {
    {.path = "z", .group = "", .kind = "Pod", .namespace = "a", .name = "b"},
    {.path = "y", .group = "", .kind = "Pod", .namespace = "b", .name = "a"},
    {.path = "y", .group = "", .kind = "Secret", .namespace = "a", .name = "a"},
    {.path = "x", .group = "apps", .kind = "Deployment", .namespace = "a", .name = "a"},
    {.path = "x", .group = "apps", .kind = "Deployment", .namespace = "a", .name = "a", .patch = true},
    {.path = "x", .group = "apps", .kind = "Deployment", .namespace = "a", .name = "b"},
};
#define COUNT (sizeof(SORTED) / sizeof(SORTED[0]))

START_TEST(test_identity)
{
	struct gen_object other = SORTED[0];

	for (size_t i = 0; i < COUNT; i++) {
		for (size_t j = 0; j < COUNT; j++) {
			int order = gen_order_identity(&SORTED[i], &SORTED[j]);

			if (i == j || (i + j == 7 && (i == 3 || j == 3))) {
				ck_assert_int_eq(order, 0); /* a patch has its object's identity */
			} else {
				ck_assert((order < 0) == (i < j));
			}
		}
	}
	/* neither the version nor the file makes it another object */
	other.version = "v2";
	other.path = "a";
	ck_assert_int_eq(gen_order_identity(&SORTED[0], &other), 0);
}
END_TEST

/* Whatever the order was before. */
START_TEST(test_sorting)
{
	static const size_t BY_PATH[] = {3, 4, 5, 1, 2, 0};

	for (size_t start = 0; start < COUNT; start++) {
		struct gen_object rows[COUNT];
		struct gen_objects objects = {rows, COUNT, COUNT};

		for (size_t i = 0; i < COUNT; i++) {
			rows[i] = SORTED[(start + 5 * i) % COUNT];
		}
		gen_order_by_identity(&objects);
		for (size_t i = 0; i < COUNT; i++) {
			ck_assert_int_eq(gen_order_identity(&rows[i], &SORTED[i]), 0);
			ck_assert(rows[i].patch == SORTED[i].patch);
		}
		gen_order_by_path(&objects);
		for (size_t i = 0; i < COUNT; i++) {
			ck_assert_str_eq(rows[i].path, SORTED[BY_PATH[i]].path);
			ck_assert_int_eq(gen_order_identity(&rows[i], &SORTED[BY_PATH[i]]), 0);
			ck_assert(rows[i].patch == SORTED[BY_PATH[i]].patch);
		}
	}
}
END_TEST

START_TEST(test_nothing)
{
	struct gen_objects objects = {0};

	gen_order_by_identity(&objects);
	gen_order_by_path(&objects);
	ck_assert_uint_eq(objects.count, 0);
}
END_TEST

CHECK_MAIN("k8s_generate_order", test_identity, test_sorting, test_nothing)
