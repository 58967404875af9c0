/* SPDX-License-Identifier: Apache-2.0 */
#include "base/role.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

struct role {
	const struct role_ops *ops;
	void *self;
	struct base_loop *loop;
	struct base_chan *control;
	bool greeted;
	bool configured;
	bool started;
	bool drain_open;
	uint64_t drain_corr;
	int exit_status;
	enum msg_role_state state;
	char detail[LIMIT_DETAIL + 1];
};

static enum mc_err
answer(struct role *role, uint16_t type, uint64_t corr, enum mc_err status)
{
	struct msg_status_ans ans = {.status = MC_OK};

	if (status != MC_OK) {
		return msg_send_failure(role->control, type, corr, &msg_status_ans_table, status);
	}
	return msg_send(role->control, MSG_ANSWER(type), 0, corr, &msg_status_ans_table, &ans);
}

/* Tells of a failure on the way and lets the supervisor decide; a broken answer drops it. */
static enum mc_err
finish(struct role *role, const struct base_item *item, enum mc_err status)
{
	if (status != MC_OK) {
		base_log_err(LOG_LVL_WARN, msg_type_name(item->type), status);
	}
	return answer(role, item->type, item->corr, status);
}

static enum mc_err
on_config(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	struct config *config = config_from_fd(item->fd);
	enum mc_err ret;

	(void)chan;
	(void)close(item->fd);
	if (config == NULL) {
		return finish(role, item, mc_err_last()->code);
	}
	ret = role->ops->config(role->self, config);
	role->configured = role->configured || ret == MC_OK;
	return finish(role, item, ret);
}

static enum mc_err
on_channel(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	struct msg_ctl_channel msg;
	enum mc_err ret = msg_decode(&msg_ctl_channel_table, item->payload, &msg);

	(void)chan;
	if (ret != MC_OK || !role->configured) {
		(void)close(item->fd);
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "channel before configuration");
	}
	return finish(role, item, role->ops->channel(role->self, &msg, item->fd));
}

static enum mc_err
on_listener(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	struct msg_ctl_listener msg;
	enum mc_err ret = msg_decode(&msg_ctl_listener_table, item->payload, &msg);

	(void)chan;
	if (ret != MC_OK || role->ops->listener == NULL || !role->configured) {
		(void)close(item->fd);
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "a listener that is not for here");
	}
	return finish(role, item, role->ops->listener(role->self, &msg, item->fd));
}

static enum mc_err
on_keyfile(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	struct msg_ctl_keyfile msg;
	enum mc_err ret = msg_decode(&msg_ctl_keyfile_table, item->payload, &msg);

	(void)chan;
	if (ret != MC_OK || role->ops->keyfile == NULL || !role->configured) {
		(void)close(item->fd);
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "a key file that is not for here");
	}
	return finish(role, item, role->ops->keyfile(role->self, &msg, item->fd));
}

static enum mc_err
on_unseal(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	struct msg_ctl_unseal msg;
	enum mc_err ret = msg_decode(&msg_ctl_unseal_table, item->payload, &msg);

	(void)chan;
	if (ret != MC_OK || role->ops->unseal == NULL) {
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "a passphrase that is not for here");
	}
	return finish(role, item, role->ops->unseal(role->self, &msg));
}

static enum mc_err
on_start(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;
	uid_t uid = 0;
	gid_t gid = 0;
	enum mc_err ret;

	(void)chan;
	if (role->started || !role->configured) {
		return MC_FAIL(MC_EFRAME, "start out of order");
	}
	role->started = true;
	role->ops->ids(role->self, &uid, &gid);
	if (uid != 0 && geteuid() == 0) {
		ret = base_proc_drop(uid, gid);
		if (ret != MC_OK) {
			return finish(role, item, ret);
		}
	}
	return finish(role, item, role->ops->start(role->self));
}

static enum mc_err
on_clock(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;

	(void)chan;
	return finish(role, item,
	    role->ops->clock == NULL ? MC_OK : role->ops->clock(role->self));
}

static enum mc_err
on_drain(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;

	(void)chan;
	if (role->drain_open) {
		return MC_FAIL(MC_EFRAME, "drain while draining");
	}
	role->drain_open = true;
	role->drain_corr = item->corr;
	role_status(role, MSG_RS_DRAINING, "");
	if (role->ops->drain == NULL) {
		role_drained(role);
	} else {
		role->ops->drain(role->self);
	}
	return MC_OK;
}

static const struct msg_permit control_permits[] = {
	{MSG_CTL_CONFIG, MSG_FROM(MSG_ROLE_SUPERVISOR), on_config},
	{MSG_CTL_CHANNEL, MSG_FROM(MSG_ROLE_SUPERVISOR), on_channel},
	{MSG_CTL_LISTENER, MSG_FROM(MSG_ROLE_SUPERVISOR), on_listener},
	{MSG_CTL_KEYFILE, MSG_FROM(MSG_ROLE_SUPERVISOR), on_keyfile},
	{MSG_CTL_START, MSG_FROM(MSG_ROLE_SUPERVISOR), on_start},
	{MSG_CTL_UNSEAL, MSG_FROM(MSG_ROLE_SUPERVISOR), on_unseal},
	{MSG_CTL_CLOCK, MSG_FROM(MSG_ROLE_SUPERVISOR), on_clock},
	{MSG_CTL_DRAIN, MSG_FROM(MSG_ROLE_SUPERVISOR), on_drain},
};
#define CONTROL_PERMITS (sizeof(control_permits) / sizeof(control_permits[0]))

static bool
is_among(const struct msg_permit *permits, size_t count, uint16_t type)
{
	for (size_t i = 0; i < count; i++) {
		if (permits[i].type == type) {
			return true;
		}
	}
	return false;
}

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role *role = self;

	if (!role->greeted) {
		role->greeted = true;
		return msg_hello_check(item, MSG_ROLE_SUPERVISOR, NULL);
	}
	if ((item->type & 1u) != 0) {
		if (item->type != MSG_ANSWER(MSG_CTL_STATUS) && role->ops->answer != NULL) {
			role->ops->answer(role->self, item);
		}
		return MC_OK;
	}
	if (is_among(control_permits, CONTROL_PERMITS, item->type) &&
	    !is_among(role->ops->permits, role->ops->permit_count, item->type)) {
		return msg_dispatch(control_permits, CONTROL_PERMITS, MSG_ROLE_SUPERVISOR, role, chan,
		    item);
	}
	return msg_dispatch(role->ops->permits, role->ops->permit_count, MSG_ROLE_SUPERVISOR,
	    role->self, chan, item);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct role *role = self;

	(void)chan;
	if (why != MC_EPEER) {
		base_log_err(LOG_LVL_ERROR, "supervisor-dropped", why);
		role->exit_status = 1;
	}
	base_loop_stop(role->loop);
}

/* The supervisor ends roles by closing their channel, so that they end in order; signals sent to the whole
 * process group by a terminal are its business. */
static void
on_signal(void *self, int signo)
{
	(void)self;
	(void)signo;
}

int
role_run(const struct role_ops *ops, void *(*make)(struct role *role),
    void (*free_self)(void *self))
{
	struct role role = {.ops = ops, .state = MSG_RS_STARTING};

	base_mem_harden(ops->holds_ca_key);
	base_log_open(ops->name, NULL, LOG_LVL_INFO);
	base_proc_close_from(BASE_PROC_CTL_FD + 1);
	role.loop = base_loop_new();
	base_loop_signals(role.loop, on_signal, &role);
	role.control = base_chan_new(role.loop, BASE_PROC_CTL_FD, on_item, on_gone, &role);
	role.self = make(&role);
	if (msg_hello_send(role.control, ops->role, NULL) == MC_OK) {
		base_loop_run(role.loop);
	}
	if (free_self != NULL) {
		free_self(role.self);
	}
	base_chan_free(role.control);
	base_loop_free(role.loop);
	return role.exit_status;
}

struct base_loop *
role_loop(struct role *role)
{
	return role->loop;
}

struct base_chan *
role_control(struct role *role)
{
	return role->control;
}

void
role_status(struct role *role, enum msg_role_state state, const char *detail)
{
	struct msg_ctl_status status = {.state = (uint8_t)state};

	if (state == role->state && strncmp(detail, role->detail, LIMIT_DETAIL) == 0) {
		return;
	}
	role->state = state;
	(void)snprintf(role->detail, sizeof(role->detail), "%s", detail);
	status.detail = base_span_str(role->detail);
	/* A full window means that the supervisor is stuck; the next change will tell. */
	if (msg_send(role->control, MSG_CTL_STATUS, 0, (uint64_t)base_clock_boot_us(),
	        &msg_ctl_status_table, &status) != MC_OK) {
		role->state = MSG_RS_STARTING;
	}
}

void
role_drained(struct role *role)
{
	if (role->drain_open) {
		role->drain_open = false;
		(void)answer(role, MSG_CTL_DRAIN, role->drain_corr, MC_OK);
	}
}
