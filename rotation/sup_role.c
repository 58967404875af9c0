/* SPDX-License-Identifier: Apache-2.0 */
/* One role process: its start, the calls on its control channel, its end and its restart. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/rd.h"
#include "rotation/sup.h"

#define BACKOFF_FIRST_US 100000
#define BACKOFF_MAX_US ((int64_t)LIMIT_PROC_RESTART_MAX_S * 1000000)
#define LAST_WORDS_US 500000 /* to read what a process said before it ended */
#define STEADY_US (30 * INT64_C(1000000)) /* lived that long: the next wait is the first again */

struct sup_call {
	struct sup_call *next;
	uint64_t corr;
	uint16_t type;
	sup_answer_fn fn;
	void *self;
};

static const char *
program(enum msg_role role)
{
	switch (role) {
	case MSG_ROLE_FRONT:
		return "meshca-front";
	case MSG_ROLE_SIGNER:
	case MSG_ROLE_OPERATORS:
		return "meshca-signer";
	case MSG_ROLE_LEDGER:
		return "meshca-ledger";
	case MSG_ROLE_KEEPER:
		return "meshca-keeper";
	case MSG_ROLE_CEREMONY:
		return "meshca-ceremony";
	case MSG_ROLE_INVALID:
	case MSG_ROLE_SUPERVISOR:
	default:
		return NULL;
	}
}

bool
sup_proc_is_signer(const struct sup_proc *proc)
{
	return proc->role == MSG_ROLE_SIGNER || proc->role == MSG_ROLE_OPERATORS;
}

uid_t
sup_proc_uid(const struct sup_proc *proc)
{
	const struct config *config = proc->sup->config;
	const struct config_environment *env =
	    proc->environment != NULL ? config_environment(config, proc->environment) : NULL;
	uid_t uid = 0;

	if (proc->role == MSG_ROLE_FRONT) {
		uid = config->front_uid;
	} else if (proc->role == MSG_ROLE_LEDGER) {
		uid = config->ledger_uid;
	} else if (proc->role == MSG_ROLE_KEEPER) {
		uid = config->keeper_uid;
	} else if (sup_proc_is_signer(proc) && env != NULL) {
		uid = env->uid;
	}
	return uid != 0 ? uid : geteuid();
}

static void
log_proc(enum base_log_level level, const char *event, const struct sup_proc *proc,
    const char *detail)
{
	base_log(level, event, LOG_STR("process", msg_role_name(proc->role)),
	    LOG_STR("of", proc->environment != NULL ? proc->environment : ""),
	    LOG_INT("pid", proc->pid), LOG_STR("detail", detail), LOG_END);
}

static void
timer_fired(void *self)
{
	struct sup_proc *proc = self;

	proc->on_timer(proc);
}

static void
after(struct sup_proc *proc, int64_t delay_us, void (*fn)(struct sup_proc *proc))
{
	proc->on_timer = fn;
	base_timer_set_us(proc->timer, delay_us);
}

struct sup_proc *
sup_proc_add(struct sup *sup, enum msg_role role, const char *environment)
{
	struct sup_proc *proc = base_xcalloc(1, sizeof(*proc));
	struct sup_proc **tail = &sup->procs;

	proc->sup = sup;
	proc->role = role;
	proc->phase = SUP_ACTIVE;
	proc->environment = environment != NULL ? base_xstrdup(environment) : NULL;
	proc->timer = base_timer_new(sup->loop, timer_fired, proc);
	while (*tail != NULL) {
		tail = &(*tail)->next;
	}
	*tail = proc;
	return proc;
}

static void
forget(struct sup_proc *proc)
{
	struct sup_proc **at = &proc->sup->procs;

	while (*at != proc) {
		at = &(*at)->next;
	}
	*at = proc->next;
	base_timer_free(proc->timer);
	base_secret_free(proc->passphrase);
	free(proc->environment);
	free(proc);
}

/* --- calls --- */
struct base_span
sup_answer_detail(const struct base_item *item)
{
	struct base_rd rd;

	base_rd_init(&rd, item->payload);
	(void)base_rd_le32(&rd);
	return base_rd_bytes(&rd, base_rd_le32(&rd));
}

struct base_span
sup_secret_span(struct base_secret *secret)
{
	return base_span_of(base_secret_ptr(secret), base_secret_len(secret));
}

void
sup_text_set(char out[LIMIT_DETAIL + 1], struct base_span text)
{
	size_t len = text.len < LIMIT_DETAIL ? text.len : LIMIT_DETAIL;

	base_copy(out, text.ptr, len);
	out[len] = '\0';
}

static void
answered(struct sup_proc *proc, struct sup_call *call, enum mc_err status,
    const struct base_item *item)
{
	if (call->fn != NULL) {
		call->fn(call->self, status, item);
	} else if (status != MC_OK && item != NULL) {
		struct base_span detail = sup_answer_detail(item);
		char *text = base_xasprintf("%s: %s: %.*s", msg_type_name(call->type),
		    mc_err_word(status), (int)detail.len, (const char *)detail.ptr);

		log_proc(LOG_LVL_WARN, "refused-by-role", proc, text);
		free(text);
	}
	free(call);
}

static void
fail_calls(struct sup_proc *proc)
{
	struct sup_call *calls = proc->calls, *next;

	proc->calls = NULL;
	for (; calls != NULL; calls = next) {
		next = calls->next;
		answered(proc, calls, MC_EPEER, NULL);
	}
}

static enum mc_err
on_answer(struct sup_proc *proc, const struct base_item *item)
{
	struct sup_call **at = &proc->calls, *call;
	struct base_rd rd;

	while (*at != NULL && ((*at)->corr != item->corr || item->type != (*at)->type + 1)) {
		at = &(*at)->next;
	}
	if (*at == NULL) {
		return MC_FAIL(MC_EFRAME, "an answer to nothing from %s", msg_role_name(proc->role));
	}
	call = *at;
	*at = call->next;
	base_rd_init(&rd, item->payload);
	answered(proc, call, mc_err_from_wire(base_rd_le32(&rd)), item);
	return MC_OK;
}

static enum mc_err
call_send(struct sup_proc *proc, const struct sup_call *call, const struct msg_table *table,
    const void *object, int fd)
{
	struct base_buf payload;
	enum mc_err ret;

	if (proc->chan == NULL) {
		return MC_FAIL(MC_EPEER, "%s does not run", msg_role_name(proc->role));
	}
	base_buf_init(&payload, LIMIT_FRAME);
	ret = msg_encode(table, object, &payload);
	if (ret == MC_OK && fd >= 0) {
		ret = base_chan_send_fd(proc->chan, call->type, call->corr,
		    base_buf_span(&payload), fd);
	} else if (ret == MC_OK) {
		ret = base_chan_send(proc->chan, call->type, 0, call->corr,
		    base_buf_span(&payload));
	}
	base_buf_clear(&payload);
	return ret;
}

void
sup_proc_call(struct sup_proc *proc, uint16_t type, const struct msg_table *table,
    const void *object, int fd, sup_answer_fn fn, void *self)
{
	struct sup_call *call = base_xcalloc(1, sizeof(*call));
	enum mc_err ret;

	call->corr = ++proc->next_corr;
	call->type = type;
	call->fn = fn;
	call->self = self;
	ret = call_send(proc, call, table, object, fd);
	if (ret != MC_OK) {
		answered(proc, call, ret, NULL);
		return;
	}
	call->next = proc->calls;
	proc->calls = call;
}

void
sup_proc_answer(struct sup_proc *proc, uint16_t type, uint64_t corr, enum mc_err status,
    const char *detail)
{
	struct msg_status_ans ans = {.status = (uint32_t)status,
	    .detail = base_span_str(detail)};

	if (proc->chan != NULL &&
	    msg_send(proc->chan, MSG_ANSWER(type), 0, corr, &msg_status_ans_table, &ans) !=
		MC_OK) {
		log_proc(LOG_LVL_WARN, "answer-not-sent", proc, mc_err_last()->detail);
	}
}

/* --- what a role says --- */
static const char *
state_name(enum msg_role_state state)
{
	static const char *const names[] = {"down", "starting", "sealed", "ready", "draining",
	    "blocked"};

	return names[state];
}

static enum mc_err
on_status(struct sup_proc *proc, const struct base_item *item)
{
	struct msg_ctl_status msg;
	enum mc_err ret = msg_decode(&msg_ctl_status_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	if (msg.state < MSG_RS_STARTING || msg.state > MSG_RS_BLOCKED) {
		return MC_FAIL(MC_EFRAME, "state %u", (unsigned)msg.state);
	}
	proc->fresh = false;
	proc->state = (enum msg_role_state)msg.state;
	sup_text_set(proc->detail, msg.detail);
	log_proc(proc->state == MSG_RS_BLOCKED ? LOG_LVL_WARN : LOG_LVL_INFO,
	    state_name(proc->state), proc, proc->detail);
	sup_proc_answer(proc, item->type, item->corr, MC_OK, "");
	if (proc->role == MSG_ROLE_LEDGER && proc->state == MSG_RS_READY &&
	    proc->sup->serving && !proc->sup->recorded) {
		sup_config_record(proc->sup, &(struct sup_asker){"meshcad", "start"});
	}
	if (proc->on_state != NULL) {
		proc->on_state(proc);
	}
	return MC_OK;
}

static enum mc_err
on_hello(struct sup_proc *proc, const struct base_item *item)
{
	proc->greeted = true;
	/* a signer learns only from what it gets that it is the operators' */
	if (proc->role == MSG_ROLE_OPERATORS &&
	    msg_hello_check(item, MSG_ROLE_SIGNER, NULL) == MC_OK) {
		return MC_OK;
	}
	return msg_hello_check(item, proc->role, NULL);
}

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct sup_proc *proc = self;

	(void)chan;
	if (item->fd >= 0) {
		(void)close(item->fd);
		return MC_FAIL(MC_EFRAME, "a descriptor from %s", msg_role_name(proc->role));
	}
	if (!proc->greeted) {
		return on_hello(proc, item);
	}
	if ((item->type & 1u) != 0) {
		return on_answer(proc, item);
	}
	if (item->type == MSG_CTL_STATUS) {
		return on_status(proc, item);
	}
	if (proc->on_request == NULL) {
		return MC_FAIL(MC_EFRAME, "%s from %s: not permitted", msg_type_name(item->type),
		    msg_role_name(proc->role));
	}
	return proc->on_request(proc, item);
}

/* --- the end --- */
static void
restart(struct sup_proc *proc)
{
	proc->restarts++;
	sup_proc_start(proc);
}

/* Both the process and its channel are gone: answers sent last were read. */
static void
ended(struct sup_proc *proc)
{
	int64_t lived_us = base_clock_boot_us() - proc->started_us;

	base_timer_stop(proc->timer);
	proc->state = MSG_RS_STARTING;
	if (proc->phase == SUP_ACTIVE && !proc->sup->stopping) {
		proc->backoff_us = lived_us > STEADY_US || proc->backoff_us == 0
		    ? BACKOFF_FIRST_US : 2 * proc->backoff_us;
		if (proc->backoff_us > BACKOFF_MAX_US) {
			proc->backoff_us = BACKOFF_MAX_US;
		}
		after(proc, proc->backoff_us, restart);
		return;
	}
	if (proc->on_end != NULL) {
		proc->on_end(proc);
	}
	forget(proc);
}

static void
kill_now(struct sup_proc *proc)
{
	if (proc->pid > 0) {
		log_proc(LOG_LVL_WARN, "process-killed", proc, "it did not end by itself");
		(void)kill(proc->pid, SIGKILL);
	}
}

static void
hang_up(struct sup_proc *proc)
{
	base_chan_free(proc->chan);
	proc->chan = NULL;
	fail_calls(proc);
	if (proc->pid > 0) {
		after(proc, SUP_KILL_S * INT64_C(1000000), kill_now);
	} else {
		ended(proc);
	}
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct sup_proc *proc = self;

	(void)chan;
	if (why != MC_EPEER) {
		base_log_err(LOG_LVL_ERROR, "role-dropped", why);
	}
	hang_up(proc);
}

void
sup_proc_stop(struct sup_proc *proc)
{
	proc->phase = SUP_STOPPING;
	/* from the loop, not from inside a handler of this channel */
	after(proc, 0, hang_up);
}

static void
exited(struct sup_proc *proc, int status)
{
	bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char *text = WIFSIGNALED(status)
	    ? base_xasprintf("signal %s", sigabbrev_np(WTERMSIG(status)))
	    : base_xasprintf("status %d", WEXITSTATUS(status));

	log_proc(proc->phase == SUP_ACTIVE && !proc->sup->stopping && !clean ? LOG_LVL_ERROR
	    : LOG_LVL_INFO, "process-ended", proc, text);
	(void)snprintf(proc->detail, sizeof(proc->detail), "ended with %s", text);
	free(text);
	proc->pid = 0;
	if (proc->role == MSG_ROLE_FRONT && !proc->sup->stopping) {
		sup_listen_renew(proc->sup);
	}
	if (proc->chan == NULL) {
		ended(proc);
	} else {
		/* Its end comes at once, unless another process was given a copy of it. */
		after(proc, LAST_WORDS_US, hang_up);
	}
}

void
sup_reap(struct sup *sup)
{
	struct sup_proc *proc, *next;
	int status;

	for (proc = sup->procs; proc != NULL; proc = next) {
		next = proc->next;
		if (proc->pid > 0 && waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
			exited(proc, status);
		}
	}
}

/* --- the start --- */
static void
on_started(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup_proc *proc = self;

	if (status != MC_OK && item != NULL) {
		struct base_span detail = sup_answer_detail(item);
		char *text = base_xasprintf("%.*s", (int)detail.len, (const char *)detail.ptr);

		log_proc(LOG_LVL_ERROR, "start-refused", proc, text);
		free(text);
		after(proc, 0, hang_up);
	}
}

static void
hand_config(struct sup_proc *proc)
{
	static const struct msg_empty empty = {0};
	int fd = config_to_memfd(proc->sup->config);

	sup_proc_call(proc, MSG_CTL_CONFIG, &msg_empty_table, &empty, fd, NULL, NULL);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void
hand_passphrase(struct sup_proc *proc, const struct config_environment *env)
{
	struct msg_ctl_unseal msg = {.slot = MSG_KEY_ENVIRONMENT,
	    .environment = base_span_str(proc->environment)};
	struct base_secret *configured = NULL;
	struct base_secret *secret = proc->passphrase;

	if (secret == NULL && env->passphrase_file != NULL) {
		configured = sup_keys_passphrase(env->passphrase_file);
		if (configured == NULL) {
			base_log_err(LOG_LVL_WARN, "passphrase-unreadable", mc_err_last()->code);
		}
		secret = configured;
	}
	if (secret != NULL) {
		msg.passphrase = sup_secret_span(secret);
		sup_proc_call(proc, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &msg, -1, NULL, NULL);
	}
	base_secret_free(configured);
	base_secret_free(proc->passphrase);
	proc->passphrase = NULL;
}

static void
hand_keys(struct sup_proc *proc, const struct config_environment *env, const int *fds,
    size_t count)
{
	struct msg_ctl_keyfile msg = {.slot = MSG_KEY_ISSUING,
	    .environment = base_span_str(proc->environment)};

	for (size_t i = 0; i < count; i++) {
		sup_proc_call(proc, MSG_CTL_KEYFILE, &msg_ctl_keyfile_table, &msg, fds[i], NULL,
		    NULL);
	}
	hand_passphrase(proc, env);
}

static enum mc_err
launch(struct sup_proc *proc)
{
	int fds[2];
	enum mc_err ret = base_chan_pair(fds);

	if (ret != MC_OK) {
		return ret;
	}
	ret = base_proc_spawn(program(proc->role), proc->environment, fds[1], &proc->pid);
	(void)close(fds[1]);
	if (ret != MC_OK) {
		(void)close(fds[0]);
		return ret;
	}
	proc->chan = base_chan_new(proc->sup->loop, fds[0], on_item, on_gone, proc);
	proc->greeted = false;
	proc->fresh = true;
	proc->state = MSG_RS_STARTING;
	proc->detail[0] = '\0';
	proc->started_us = base_clock_boot_us();
	return msg_hello_send(proc->chan, MSG_ROLE_SUPERVISOR, NULL);
}

static void
start_with(struct sup_proc *proc, const struct config_environment *env, const int *keys,
    size_t key_count)
{
	static const struct msg_empty empty = {0};
	enum mc_err ret;

	if (sup_proc_is_signer(proc)) {
		proc->generation = ++proc->sup->generation;
	}
	ret = launch(proc);
	if (ret != MC_OK) {
		base_log_err(LOG_LVL_ERROR, "process-not-started", ret);
		if (proc->chan == NULL && proc->phase == SUP_ACTIVE) {
			after(proc, BACKOFF_MAX_US, restart);
		}
		return;
	}
	log_proc(LOG_LVL_INFO, "process-started", proc, "");
	hand_config(proc);
	if (proc->role == MSG_ROLE_FRONT) {
		sup_listen_hand_over(proc, NULL);
	}
	sup_wire_peers(proc);
	if (env != NULL && sup_proc_is_signer(proc)) {
		hand_keys(proc, env, keys, key_count);
	}
	if (proc->role != MSG_ROLE_CEREMONY) {
		sup_proc_call(proc, MSG_CTL_START, &msg_empty_table, &empty, -1, on_started, proc);
	}
}

void
sup_proc_start(struct sup_proc *proc)
{
	const struct config_environment *env = proc->environment != NULL
	    ? config_environment(proc->sup->config, proc->environment) : NULL;
	int keys[SUP_KEYFILES];
	size_t count = 0;

	if (sup_proc_is_signer(proc)) {
		count = env != NULL ? sup_keys_issuing(env, keys) : 0;
		if (count == 0) {
			(void)snprintf(proc->detail, sizeof(proc->detail), "no key file; %s%s",
			    sup_keys_any(proc->sup->config) ? "run meshca environment add "
							    : "stop meshcad and run meshca init",
			    sup_keys_any(proc->sup->config) ? proc->environment : "");
			log_proc(LOG_LVL_ERROR, "environment-not-ready", proc, proc->detail);
			return;
		}
	}
	start_with(proc, env, keys, count);
	for (size_t i = 0; i < count; i++) {
		(void)close(keys[i]);
	}
}

struct sup_proc *
sup_find(struct sup *sup, enum msg_role role)
{
	struct sup_proc *proc = sup->procs;

	while (proc != NULL && (proc->role != role || proc->phase == SUP_STOPPING)) {
		proc = proc->next;
	}
	return proc;
}
