/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's process: what is due, asked for in time. It holds nothing and signs nothing. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/role.h"
#include "rotation/keeper.h"

struct role_keeper {
	struct role *role;
	struct config *config;
	struct keeper *keeper;
};

static void *
make(struct role *role)
{
	struct role_keeper *me = base_xcalloc(1, sizeof(*me));

	me->role = role;
	me->keeper = keeper_new(role_loop(role), role_control(role));
	return me;
}

static void
free_self(void *self)
{
	struct role_keeper *me = self;

	keeper_free(me->keeper);
	config_free(me->config);
	free(me);
}

static enum mc_err
on_config(void *self, struct config *config)
{
	struct role_keeper *me = self;

	config_free(me->config);
	me->config = config;
	base_log_open("keeper", NULL, (enum base_log_level)config->log_level);
	return MC_OK;
}

static enum mc_err
on_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	struct role_keeper *me = self;

	return keeper_channel(me->keeper, msg, fd);
}

static enum mc_err
on_start(void *self)
{
	struct role_keeper *me = self;

	keeper_start(me->keeper);
	role_status(me->role, MSG_RS_READY, "");
	return MC_OK;
}

static void
ids(void *self, uid_t *uid, gid_t *gid)
{
	const struct role_keeper *me = self;

	*uid = me->config->keeper_uid != 0 ? me->config->keeper_uid : me->config->uid;
	*gid = me->config->keeper_uid != 0 ? me->config->keeper_gid : me->config->gid;
}

static void
on_answer(void *self, const struct base_item *item)
{
	struct role_keeper *me = self;

	keeper_answer(me->keeper, item);
}

int
main(void)
{
	static const struct role_ops ops = {
		.role = MSG_ROLE_KEEPER,
		.name = "keeper",
		.config = on_config,
		.channel = on_channel,
		.start = on_start,
		.ids = ids,
		.answer = on_answer,
	};

	return role_run(&ops, make, free_self);
}
