/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshca-signer ENVIRONMENT: holds one environment's issuing key. No network, no file after
 * START: all it has came over its control channel.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/role.h"
#include "ca/signer.h"

static const char *environment; /* of this process, from its argument */

static const struct msg_permit peer_permits[] = {
    {MSG_ISSUE, MSG_FROM(MSG_ROLE_FRONT), signer_on_issue},
    {MSG_USER_ISSUE, MSG_FROM(MSG_ROLE_FRONT), signer_on_user},
    {MSG_SIGNER_INFO, MSG_FROM(MSG_ROLE_FRONT) | MSG_FROM(MSG_ROLE_KEEPER), signer_on_info},
    {MSG_CRL_SIGN, MSG_FROM(MSG_ROLE_KEEPER), signer_on_crl},
};

static const struct msg_permit control_permits[] = {
    {MSG_USER_ISSUE, MSG_FROM(MSG_ROLE_SUPERVISOR), signer_on_user_local},
    {MSG_SIGNER_INFO, MSG_FROM(MSG_ROLE_SUPERVISOR), signer_on_info},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- state --- */

enum msg_role_state
signer_state(struct signer *signer, const char **why)
{
	*why = "";
	if (!signer->started) {
		return MSG_RS_STARTING;
	}
	if (signer->draining) {
		return MSG_RS_DRAINING;
	}
	if (signer_active(signer) == NULL) {
		return MSG_RS_SEALED;
	}
	if (signer_may_issue(signer) != MC_OK) {
		*why = mc_err_last()->detail;
		return MSG_RS_BLOCKED;
	}
	if (signer->ledger == NULL) {
		*why = "no ledger";
		return MSG_RS_BLOCKED;
	}
	return MSG_RS_READY;
}

void
signer_report(struct signer *signer)
{
	const char *why = "";
	enum msg_role_state state = signer_state(signer, &why);

	role_status(signer->role, state, why);
}

static bool
has_askers(const struct signer *signer)
{
	for (size_t i = 0; i < SIGNER_PEERS; i++) {
		if (signer->peers[i].chan != NULL && signer->peers[i].role != MSG_ROLE_LEDGER) {
			return true;
		}
	}
	return false;
}

void
signer_settle(struct signer *signer)
{
	if (!signer->draining || signer->request_count != 0 || signer->crl != NULL) {
		return;
	}
	if (!signer->drained) {
		signer->drained = true;
		role_drained(signer->role);
	}
	if (!has_askers(signer)) {
		base_loop_stop(signer->loop);
	}
}

/* --- peers --- */

static void
peer_gone(struct signer_peer *peer)
{
	struct signer *signer = peer->signer;
	struct base_chan *chan = peer->chan;

	peer->chan = NULL;
	if (signer->ledger == chan) {
		signer_ledger_lost(signer);
	}
	signer_peer_lost(signer, chan);
	base_chan_free(chan);
	signer_report(signer);
	signer_settle(signer);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct signer_peer *peer = self;

	(void)chan;
	if (why != MC_EPEER) {
		base_log_err(LOG_LVL_ERROR, "peer-dropped", why);
	}
	peer_gone(peer);
}

static enum mc_err
on_hello(struct signer_peer *peer, const struct base_item *item)
{
	struct signer *signer = peer->signer;
	enum mc_err ret = msg_hello_check(item, peer->role, NULL);

	if (ret != MC_OK) {
		return ret;
	}
	peer->greeted = true;
	if (peer->role == MSG_ROLE_LEDGER) {
		signer->ledger = peer->chan;
		signer_report(signer);
		signer_ledger_pump(signer);
	}
	return MC_OK;
}

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct signer_peer *peer = self;

	if (!peer->greeted) {
		return on_hello(peer, item);
	}
	if ((item->type & 1u) != 0) {
		return peer->role == MSG_ROLE_LEDGER
		    ? signer_ledger_answer(peer->signer, item)
		    : MC_FAIL(MC_EFRAME, "an answer from %s", msg_role_name(peer->role));
	}
	return msg_dispatch(peer_permits, COUNT(peer_permits), peer->role, peer->signer, chan,
	    item);
}

/* There is one of each role: what the one before had is nobody's any more, whoever holds it. */
static void
drop_before(struct signer *signer, uint8_t role)
{
	for (size_t i = 0; i < SIGNER_PEERS; i++) {
		if (signer->peers[i].chan != NULL && signer->peers[i].role == (enum msg_role)role) {
			peer_gone(&signer->peers[i]);
		}
	}
}

static enum mc_err
op_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	struct signer *signer = self;
	struct signer_peer *peer = NULL;

	drop_before(signer, msg->peer);
	for (size_t i = 0; i < SIGNER_PEERS && peer == NULL; i++) {
		if (signer->peers[i].chan == NULL) {
			peer = &signer->peers[i];
		}
	}
	if (peer == NULL || (msg->peer != MSG_ROLE_LEDGER && msg->peer != MSG_ROLE_FRONT &&
				msg->peer != MSG_ROLE_KEEPER)) {
		(void)close(fd);
		return MC_FAIL(MC_EUSAGE, "a channel too many, or to %s",
		    msg_role_name((enum msg_role)msg->peer));
	}
	peer->signer = signer;
	peer->role = (enum msg_role)msg->peer;
	peer->greeted = false;
	peer->chan = base_chan_new(signer->loop, fd, on_item, on_gone, peer);
	return msg_hello_send(peer->chan,
	    signer->operators ? MSG_ROLE_OPERATORS : MSG_ROLE_SIGNER, signer->environment);
}

/* --- control --- */

static enum mc_err
op_config(void *self, struct config *config)
{
	struct signer *signer = self;
	const struct config_environment *env = config_environment(config, signer->environment);

	if (signer->config != NULL) {
		config_free(config);
		return MC_FAIL(MC_ECONFLICT,
		    "a signer's policy changes by replacing the signer");
	}
	if (env == NULL) {
		config_free(config);
		return MC_FAIL(MC_ECONFIG, "environment %s is not configured",
		    signer->environment);
	}
	signer->config = config;
	signer->env = env;
	signer->tokens_u = (int64_t)env->rate_burst * 1000000;
	signer->tokens_at_us = base_loop_now_us(signer->loop);
	base_log_open("signer", signer->environment, (enum base_log_level)config->log_level);
	return MC_OK;
}

static enum mc_err
op_keyfile(void *self, const struct msg_ctl_keyfile *msg, int fd)
{
	struct signer *signer = self;

	if (msg->slot != MSG_KEY_ISSUING ||
	    !base_span_equal_str(msg->environment, signer->environment)) {
		(void)close(fd);
		return MC_FAIL(MC_EUSAGE, "the key file is not for this signer");
	}
	return signer_keyfile_add(signer, fd);
}

static enum mc_err
op_unseal(void *self, const struct msg_ctl_unseal *msg)
{
	struct signer *signer = self;

	if (!base_span_equal_str(msg->environment, signer->environment) ||
	    (msg->slot != MSG_KEY_ENVIRONMENT && msg->slot != MSG_KEY_ISSUING)) {
		return MC_FAIL(MC_EUSAGE, "the passphrase is not for this signer");
	}
	enum mc_err ret = signer_unseal(signer, msg->passphrase);
	base_log(ret == MC_OK ? LOG_LVL_INFO : LOG_LVL_WARN, "unseal",
	    LOG_STR("result", ret == MC_OK ? "open" : mc_err_word(ret)), LOG_END);
	if (signer->started) {
		signer_report(signer);
	}
	return ret;
}

static enum mc_err
op_start(void *self)
{
	struct signer *signer = self;

	signer->started = true;
	base_clock_guard_init(&signer->clock, 0);
	base_timer_set_us(signer->sweep, SIGNER_WAIT_US / 10);
	signer_report(signer);
	return MC_OK;
}

static void
op_ids(void *self, uid_t *uid, gid_t *gid)
{
	const struct signer *signer = self;

	*uid = signer->env->uid != 0 ? signer->env->uid : signer->config->uid;
	*gid = signer->env->uid != 0 ? signer->env->gid : signer->config->gid;
}

static enum mc_err
op_clock(void *self)
{
	struct signer *signer = self;

	base_clock_guard_accept(&signer->clock);
	signer_report(signer);
	return MC_OK;
}

static void
op_drain(void *self)
{
	struct signer *signer = self;

	signer->draining = true;
	signer_settle(signer);
}

static void *
make(struct role *role)
{
	struct signer *signer = base_xcalloc(1, sizeof(*signer));

	signer->role = role;
	signer->loop = role_loop(role);
	base_copy(signer->environment, environment, strlen(environment));
	signer->operators = strcmp(environment, CONFIG_OPERATORS) == 0;
	signer->keys = key_importer_new();
	signer_requests_init(signer);
	return signer;
}

static void
free_self(void *self)
{
	struct signer *signer = self;

	for (size_t i = 0; i < SIGNER_PEERS; i++) {
		base_chan_free(signer->peers[i].chan);
	}
	signer_crl_clear(signer);
	signer_requests_clear(signer);
	signer_seal_clear(signer);
	key_importer_free(signer->keys);
	config_free(signer->config);
	free(signer);
}

int
main(int argc, char **argv)
{
	struct role_ops ops = {
	    .role = MSG_ROLE_SIGNER,
	    .name = "signer",
	    .holds_ca_key = true,
	    .config = op_config,
	    .channel = op_channel,
	    .keyfile = op_keyfile,
	    .unseal = op_unseal,
	    .start = op_start,
	    .ids = op_ids,
	    .clock = op_clock,
	    .drain = op_drain,
	    .permits = control_permits,
	    .permit_count = COUNT(control_permits),
	};

	if (argc != 2 || argv[1][0] == 0 || strlen(argv[1]) > LIMIT_ENVIRONMENT) {
		static const char usage[] = "meshca-signer is started by meshcad.\n";
		(void)!write(STDERR_FILENO, usage, sizeof(usage) - 1);
		return 2;
	}
	environment = argv[1];
	if (strcmp(environment, CONFIG_OPERATORS) == 0) {
		ops.role = MSG_ROLE_OPERATORS;
	}
	return role_run(&ops, make, free_self);
}
