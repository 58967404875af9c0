/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshca-front: everything that speaks with the network. It holds no CA key and opens no file; it can
 * ask signers for leaves within their policy, and the ledger for what is written there.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/front_env.h"
#include "api/grpc_service.h"
#include "api/metrics.h"
#include "api/probe_service.h"
#include "api/rest_service.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/role.h"

#define DRAIN_LOOK_US 50000
#define POOL_TAKE 8     /* jobs a worker takes at once */
#define TIDY_US 1000000
#define TIDY_AFTER 500  /* handshakes: what they needed is given back to the kernel ... */
#define TIDY_QUIET 50   /* ... by a second that saw fewer than this */
#define LISTENERS_MAX (LIMIT_ENVIRONMENTS + 2)

struct listener {
	uint8_t kind;
	char environment[LIMIT_ENVIRONMENT + 1];
	int fd;
};

struct role_front {
	struct role *role;
	struct front front;
	struct front_env envs[LIMIT_ENVIRONMENTS + 1];
	struct listener listeners[LISTENERS_MAX]; /* that came before START */
	size_t listener_count;
	bool started;
	struct front_poll *poll;
	struct grpc_service *grpc;
	struct rest_service *rest;
	struct probe_service *probes;
	struct base_timer *tidy_timer;
	uint64_t handshakes_seen;
	uint64_t handshakes_tidied;
	struct base_timer *drain_timer;
	int64_t drain_until_us;
};

/* --- configuration --- */

static enum mc_err
config_first(struct role_front *me, struct config *config)
{
	struct front *front = &me->front;

	if (config->environment_count > LIMIT_ENVIRONMENTS) {
		return MC_FAIL(MC_ECONFIG, "more than %d environments", LIMIT_ENVIRONMENTS);
	}
	front->config = config;
	front->envs = me->envs;
	for (size_t i = 0; i < config->environment_count; i++) {
		front_env_init(front, &me->envs[front->env_count++], &config->environments[i]);
	}
	front_env_init(front, &me->envs[front->env_count++], &config->operators);
	return MC_OK;
}

/* Environments keep their places: services and calls under way point at them. A new one comes behind
 * the operators; one that is gone needs a restart, which the supervisor is told. */
static enum mc_err
config_again(struct role_front *me, struct config *config)
{
	struct front *front = &me->front;
	struct config *old = front->config;
	enum mc_err ret = MC_OK;

	for (size_t i = 0; i < front->env_count; i++) {
		if (config_environment(config, front->envs[i].config->name) == NULL) {
			return MC_FAIL(MC_ECONFIG, "environment %s is gone: restart to remove it",
			    front->envs[i].config->name);
		}
	}
	if (config->environment_count > LIMIT_ENVIRONMENTS) {
		return MC_FAIL(MC_ECONFIG, "more than %d environments", LIMIT_ENVIRONMENTS);
	}
	for (size_t i = 0; i < front->env_count; i++) {
		front->envs[i].config = config_environment(config, front->envs[i].config->name);
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		if (front_env_find(front, config->environments[i].name) == NULL) {
			front_env_init(front, &me->envs[front->env_count++],
			    &config->environments[i]);
		}
	}
	front->config = config;
	if (me->started) {
		ret = grpc_service_reload(me->grpc);
		front_poll_now(me->poll);
	}
	config_free(old);
	return ret;
}

static enum mc_err
on_config(void *self, struct config *config)
{
	struct role_front *me = self;
	bool first = me->front.config == NULL;
	enum mc_err ret;

	if (first) {
		base_log_open("front", NULL, (enum base_log_level)config->log_level);
	}
	ret = first ? config_first(me, config) : config_again(me, config);
	if (ret != MC_OK && me->front.config != config) {
		config_free(config);
	}
	return ret;
}

/* --- what is handed over --- */

static void
name_copy(char out[LIMIT_ENVIRONMENT + 1], struct base_span name)
{
	size_t len = name.len > LIMIT_ENVIRONMENT ? LIMIT_ENVIRONMENT : name.len;

	base_copy(out, name.ptr, len);
	out[len] = '\0';
}

static enum mc_err
on_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	struct role_front *me = self;
	char name[LIMIT_ENVIRONMENT + 1];
	struct front_env *env;

	if (msg->peer == MSG_ROLE_LEDGER) {
		link_attach(me->front.ledger, fd, msg->generation);
		return MC_OK;
	}
	name_copy(name, msg->environment);
	if (msg->peer == MSG_ROLE_OPERATORS) {
		name_copy(name, base_span_str(CONFIG_OPERATORS));
	}
	env = front_env_find(&me->front, name);
	if (env == NULL || (msg->peer != MSG_ROLE_SIGNER && msg->peer != MSG_ROLE_OPERATORS)) {
		close(fd);
		return MC_FAIL(MC_ECONFIG, "a channel to %s %s",
		    msg_role_name((enum msg_role)msg->peer), name);
	}
	link_attach(env->signer, fd, msg->generation);
	if (me->poll != NULL) {
		front_poll_now(me->poll);
	}
	return MC_OK;
}

static enum mc_err
listener_open(struct role_front *me, const struct listener *listener)
{
	struct front *front = &me->front;
	struct front_env *env = front_env_find(front, listener->environment);

	if (listener->kind == MSG_LISTEN_GRPC && env != NULL) {
		return grpc_service_listen(me->grpc, env, listener->fd);
	}
	if (listener->kind == MSG_LISTEN_REST && me->rest == NULL) {
		me->rest = rest_service_new(front, listener->fd);
		return me->rest != NULL ? MC_OK : mc_err_last()->code;
	}
	if (listener->kind == MSG_LISTEN_PROBES && me->probes == NULL) {
		me->probes = probe_service_new(front, listener->fd);
		return me->probes != NULL ? MC_OK : mc_err_last()->code;
	}
	close(listener->fd);
	return MC_FAIL(MC_ECONFIG, "a listener of kind %d for %s", listener->kind,
	    listener->environment);
}

static enum mc_err
on_listener(void *self, const struct msg_ctl_listener *msg, int fd)
{
	struct role_front *me = self;
	struct listener listener = {.kind = msg->kind, .fd = fd};

	name_copy(listener.environment, msg->environment);
	if (me->started) {
		return listener_open(me, &listener);
	}
	if (me->listener_count == LISTENERS_MAX) {
		close(fd);
		return MC_FAIL(MC_ECONFIG, "too many listeners");
	}
	me->listeners[me->listener_count++] = listener;
	return MC_OK;
}

static void
ids(void *self, uid_t *uid, gid_t *gid)
{
	const struct role_front *me = self;

	*uid = me->front.config->front_uid;
	*gid = me->front.config->front_gid;
}

/* --- life --- */

/* A handshake needs 30 kB for as long as it takes. When ten thousand agents were at it, the heap keeps
 * that in pieces between what lives on. */
static void
on_tidy(void *self)
{
	struct role_front *me = self;
	uint64_t done = metrics_get(me->front.metrics, METRICS_HANDSHAKE_OK) +
	    metrics_get(me->front.metrics, METRICS_HANDSHAKE_FAILED);

	if (done - me->handshakes_seen < TIDY_QUIET && done - me->handshakes_tidied >= TIDY_AFTER) {
		(void)malloc_trim(0); /* 35 ms for ten thousand connections */
		me->handshakes_tidied = done;
	}
	me->handshakes_seen = done;
	base_timer_set_us(me->tidy_timer, TIDY_US);
}

static enum mc_err
on_start(void *self)
{
	struct role_front *me = self;
	struct front *front = &me->front;
	enum mc_err ret = MC_OK;

	front->pool = base_pool_new(front->loop, front->config->front_workers, POOL_TAKE,
	    grpc_service_worker_new, grpc_service_worker_free, NULL);
	me->poll = front_poll_new(front);
	me->grpc = grpc_service_new(front);
	me->started = true;
	for (size_t i = 0; i < me->listener_count; i++) {
		enum mc_err err = listener_open(me, &me->listeners[i]);

		ret = ret == MC_OK ? err : ret;
	}
	me->listener_count = 0;
	if (ret == MC_OK) {
		role_status(me->role, MSG_RS_READY, "");
	}
	return ret;
}

static void
on_drain_look(void *self)
{
	struct role_front *me = self;
	unsigned pending = grpc_service_pending(me->grpc);

	pending += me->rest != NULL ? rest_service_pending(me->rest) : 0;
	if (pending == 0 || base_loop_now_us(me->front.loop) >= me->drain_until_us) {
		base_log(LOG_LVL_INFO, "drained", LOG_INT("left", pending), LOG_END);
		role_drained(me->role);
		return;
	}
	base_timer_set_us(me->drain_timer, DRAIN_LOOK_US);
}

static void
on_drain(void *self)
{
	struct role_front *me = self;

	me->front.draining = true;
	role_status(me->role, MSG_RS_DRAINING, "");
	if (!me->started) {
		role_drained(me->role);
		return;
	}
	grpc_service_drain(me->grpc);
	if (me->rest != NULL) {
		rest_service_drain(me->rest);
	}
	me->drain_until_us = base_loop_now_us(me->front.loop) + LIMIT_DRAIN_S * INT64_C(1000000);
	me->drain_timer = base_timer_new(me->front.loop, on_drain_look, me);
	base_timer_set_us(me->drain_timer, DRAIN_LOOK_US);
}

static void *
make(struct role *role)
{
	struct role_front *me = base_xcalloc(1, sizeof(*me));
	struct rlimit files;

	/* One heap: what handshakes on the workers free is there for connections, which the loop makes. */
	(void)mallopt(M_ARENA_MAX, 1);
	me->role = role;
	me->front.loop = role_loop(role);
	me->tidy_timer = base_timer_new(me->front.loop, on_tidy, me);
	base_timer_set_us(me->tidy_timer, TIDY_US);
	me->front.metrics = metrics_new();
	me->front.ledger = link_new(me->front.loop, MSG_ROLE_LEDGER, "");
	/* a descriptor for each connection; what the supervisor allows is the limit */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return me;
}

static void
free_self(void *self)
{
	struct role_front *me = self;
	struct front *front = &me->front;

	base_timer_free(me->drain_timer);
	base_timer_free(me->tidy_timer);
	probe_service_free(me->probes);
	rest_service_free(me->rest);
	grpc_service_free(me->grpc);
	front_poll_free(me->poll);
	base_pool_free(front->pool);
	for (size_t i = 0; i < front->env_count; i++) {
		front_env_clear(&front->envs[i]);
	}
	link_free(front->ledger);
	metrics_free(front->metrics);
	config_free(front->config);
	free(me);
}

int
main(void)
{
	static const struct role_ops OPS = {
	    .role = MSG_ROLE_FRONT,
	    .name = "front",
	    .config = on_config,
	    .channel = on_channel,
	    .listener = on_listener,
	    .start = on_start,
	    .ids = ids,
	    .drain = on_drain,
	};

	return role_run(&OPS, make, free_self);
}
