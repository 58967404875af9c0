/* SPDX-License-Identifier: Apache-2.0 */
/* meshca-ledger: the only process that opens the database. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/role.h"
#include "store/ledger_int.h"

struct role_ledger {
	struct role *role;
	struct ledger *ledger;
	uid_t uid;
	gid_t gid;
};

static enum mc_err
on_config(void *self, struct config *config)
{
	struct role_ledger *me = self;
	struct ledger *ledger = me->ledger;
	static const enum base_log_level LEVELS[] = {
		[CONFIG_LOG_DEBUG] = LOG_LVL_DEBUG,
		[CONFIG_LOG_INFO] = LOG_LVL_INFO,
		[CONFIG_LOG_WARN] = LOG_LVL_WARN,
		[CONFIG_LOG_ERROR] = LOG_LVL_ERROR,
	};

	base_log_open("ledger", NULL, LEVELS[config->log_level]);
	if (!ledger->started) {
		free(ledger->path);
		ledger->path = base_xstrdup(config->ledger_path);
		me->uid = config->ledger_uid != 0 ? config->ledger_uid : config->uid;
		me->gid = config->ledger_uid != 0 ? config->ledger_gid : config->gid;
	} else if (strcmp(config->ledger_path, ledger->path) != 0) {
		base_log(LOG_LVL_WARN, "ledger-path-needs-a-restart",
		    LOG_STR("path", config->ledger_path), LOG_END);
	}
	ledger->disk_reserve_bytes = (uint64_t)config->disk_reserve_mib * 1024 * 1024;
	config_free(config);
	return MC_OK;
}

static enum mc_err
on_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	struct role_ledger *me = self;

	if (msg->peer <= MSG_ROLE_SUPERVISOR || msg->peer > MSG_ROLE_CEREMONY ||
	    msg->peer == MSG_ROLE_LEDGER) {
		(void)close(fd);
		return MC_FAIL(MC_EUSAGE, "the ledger has no peer of role %u", msg->peer);
	}
	ledger_peer_add(me->ledger, fd, (enum msg_role)msg->peer, msg->environment);
	return MC_OK;
}

static enum mc_err
on_start(void *self)
{
	struct role_ledger *me = self;
	struct ledger *ledger = me->ledger;
	enum mc_err ret = ledger_open(ledger);

	if (ret == MC_OK) {
		base_log(LOG_LVL_INFO, "ledger-open", LOG_STR("path", ledger->path),
		    LOG_INT("intents", ledger->head.seq),
		    LOG_INT("unconfirmed", ledger->unconfirmed),
		    LOG_HEX("head", ledger->head.hash, 32), LOG_END);
	}
	return ret;
}

static void
ids(void *self, uid_t *uid, gid_t *gid)
{
	const struct role_ledger *me = self;

	*uid = me->uid;
	*gid = me->gid;
}

static void
on_drained(void *arg)
{
	role_drained(arg);
}

static void
on_drain(void *self)
{
	struct role_ledger *me = self;

	ledger_drain(me->ledger, on_drained, me->role);
}

static void
on_tell(void *arg, enum msg_role_state state, const char *detail)
{
	role_status(arg, state, detail);
}

static enum mc_err
on_request(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct role_ledger *me = self;

	return ledger_on_control(me->ledger, chan, item);
}

static void *
make(struct role *role)
{
	struct role_ledger *me = base_xcalloc(1, sizeof(*me));

	me->role = role;
	me->ledger = ledger_new(role_loop(role), role_control(role), on_tell, role);
	return me;
}

static void
free_self(void *self)
{
	struct role_ledger *me = self;

	ledger_free(me->ledger);
	free(me);
}

#define SUPERVISOR MSG_FROM(MSG_ROLE_SUPERVISOR)

int
main(int argc, char **argv)
{
	static const struct msg_permit PERMITS[] = {
		{ MSG_CERT_GET, SUPERVISOR, on_request },
		{ MSG_ISSUER_LIST, SUPERVISOR, on_request },
		{ MSG_BUNDLE_GET, SUPERVISOR, on_request },
		{ MSG_CRL_STATUS, SUPERVISOR, on_request },
		{ MSG_USER_LIST, SUPERVISOR, on_request },
		{ MSG_LEDGER_STATUS, SUPERVISOR, on_request },
		{ MSG_CONFIG_PUT, SUPERVISOR, on_request },
		{ MSG_UNSEALED, SUPERVISOR, on_request },
		{ MSG_CTL_CLOCK, SUPERVISOR, on_request },
	};
	static const struct role_ops OPS = {
		.role = MSG_ROLE_LEDGER,
		.name = "ledger",
		.config = on_config,
		.channel = on_channel,
		.start = on_start,
		.ids = ids,
		.drain = on_drain,
		.permits = PERMITS,
		.permit_count = sizeof(PERMITS) / sizeof(PERMITS[0]),
	};

	if (argc > 1 && strcmp(argv[1], "--verify") == 0) {
		if (argc != 3) {
			(void)fprintf(stderr, "usage: meshca-ledger --verify PATH\n");
			return 2;
		}
		return ledger_verify(argv[2], stdout) == 0 ? 0 : 1;
	}
	return role_run(&OPS, make, free_self);
}
