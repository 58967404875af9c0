/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket of a supervisor in this process (sup_world.h), with one client. */
#ifndef TESTS_ORDER_MAKE_H
#define TESTS_ORDER_MAKE_H

#include "tests/unit/admin_client.h"

static struct admin_client client;

/* Nothing runs yet. */
static inline void
order_open(void)
{
	world_open();
	world.sup.admin = sup_admin_new(&world.sup);
	ck_assert_ptr_nonnull(world.sup.admin);
	admin_connect(&client);
}

static inline void
end(void)
{
	admin_leave(&client);
	world_end_processes();
	sup_admin_free(world.sup.admin);
	world_close();
}

static inline void
drop(const char *name)
{
	char *path = world_path(name);

	ck_assert_int_eq(unlink(path), 0);
	free(path);
}

#endif
