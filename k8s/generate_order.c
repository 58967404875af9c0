/* SPDX-License-Identifier: Apache-2.0 */
/* The orders in which objects are written: they depend on nothing but the objects. */
#include <stdlib.h>
#include <string.h>

#include "k8s/generate_int.h"

int
gen_order_identity(const struct gen_object *a, const struct gen_object *b)
{
	const char *const left[] = {a->group, a->kind, a->namespace, a->name};
	const char *const right[] = {b->group, b->kind, b->namespace, b->name};
	int order = 0;

	for (size_t i = 0; order == 0 && i < sizeof(left) / sizeof(left[0]); i++) {
		order = strcmp(left[i], right[i]);
	}
	return order;
}

/* Patches stand behind the objects that they could share an identity with. */
static int
by_identity(const void *a, const void *b)
{
	const struct gen_object *left = a, *right = b;
	int order = gen_order_identity(left, right);

	return order != 0 ? order : (int)left->patch - (int)right->patch;
}

static int
by_path(const void *a, const void *b)
{
	const struct gen_object *left = a, *right = b;
	int order = strcmp(left->path, right->path);

	return order != 0 ? order : by_identity(a, b);
}

void
gen_order_by_identity(struct gen_objects *objects)
{
	if (objects->count > 1) {
		qsort(objects->rows, objects->count, sizeof(*objects->rows), by_identity);
	}
}

void
gen_order_by_path(struct gen_objects *objects)
{
	if (objects->count > 1) {
		qsort(objects->rows, objects->count, sizeof(*objects->rows), by_path);
	}
}
