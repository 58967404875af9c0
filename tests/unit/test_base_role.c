/* SPDX-License-Identifier: Apache-2.0 */
/* A role in a process of its own, and its supervisor here: the order of a start, answers, states, ends. */
#include "base/role.h"

#include "base/chan.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "base/proc.h"
#include "check_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the role: each slot tells what it saw as a state of its own. No assertion here: libcheck's own file may be
 * what the control channel takes the place of. --- */
struct probe {
	struct role *role;
	unsigned configs;
};

static void
tell(const struct probe *probe, const char *word, unsigned number)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s %u", word, number);
	role_status(probe->role, MSG_RS_READY, text);
}

static enum mc_err
probe_config(void *self, struct config *config)
{
	struct probe *probe = self;
	unsigned instance = config->instance;

	config_free(config);
	if (instance == 13) {
		return MC_FAIL(MC_EPOLICY, "unlucky");
	}
	tell(probe, "configured", ++probe->configs);
	return MC_OK;
}

/* What a descriptor is for is written into it. */
static enum mc_err
probe_fd(int fd, const char *word, enum mc_err ret)
{
	ssize_t len = (ssize_t)strlen(word);

	if (write(fd, word, strlen(word)) != len) {
		ret = MC_FAIL(MC_EIO, "the descriptor cannot be written");
	}
	(void)close(fd);
	return ret;
}

static enum mc_err
probe_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	(void)self;
	return probe_fd(fd, msg_role_name(msg->peer), MC_OK);
}

static enum mc_err
probe_listener(void *self, const struct msg_ctl_listener *msg, int fd)
{
	(void)self;
	return probe_fd(fd, "listener", msg->kind == MSG_LISTEN_REST ? MC_OK : MC_FAIL(MC_ENOTFOUND, "no such kind"));
}

static enum mc_err
probe_keyfile(void *self, const struct msg_ctl_keyfile *msg, int fd)
{
	(void)self;
	(void)msg;
	return probe_fd(fd, "key file", MC_OK);
}

static enum mc_err
probe_unseal(void *self, const struct msg_ctl_unseal *msg)
{
	(void)self;
	return base_span_equal_str(msg->passphrase, "open sesame") ? MC_OK :
	    MC_FAIL(MC_EPASSPHRASE, "another one");
}

static enum mc_err
probe_start(void *self)
{
	tell(self, "started", 0);
	tell(self, "started", 0); /* the same again is not told */
	return MC_OK;
}

static void
probe_ids(void *self, uid_t *uid, gid_t *gid)
{
	(void)self;
	*uid = 0;
	*gid = 0;
}

/* How many descriptors are open. */
static enum mc_err
probe_clock(void *self)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	tell(self, "descriptors", count);
	return MC_OK;
}

static void
probe_drain(void *self)
{
	struct probe *probe = self;

	/* answered twice, which is once */
	role_drained(probe->role);
	role_drained(probe->role);
}

static enum mc_err
probe_info(void *self, struct base_chan *chan, const struct base_item *item)
{
	const struct msg_status_ans done = {.status = MC_OK};

	tell(self, "asked", 0);
	return msg_send(chan, MSG_ANSWER(item->type), 0, item->corr, &msg_status_ans_table, &done);
}

static const struct msg_permit PROBE_PERMITS[] = {
    {MSG_SIGNER_INFO, MSG_FROM(MSG_ROLE_SUPERVISOR), probe_info},
    {MSG_ISSUE, MSG_FROM(MSG_ROLE_FRONT), probe_info},
};

static const struct role_ops FULL = {.role = MSG_ROLE_KEEPER, .name = "probe", .config = probe_config,
    .channel = probe_channel, .listener = probe_listener, .keyfile = probe_keyfile,
    .unseal = probe_unseal, .start = probe_start, .ids = probe_ids, .clock = probe_clock,
    .drain = probe_drain, .permits = PROBE_PERMITS, .permit_count = 2};
static const struct role_ops BARE = {.role = MSG_ROLE_KEEPER, .name = "probe", .config = probe_config,
    .channel = probe_channel, .start = probe_start, .ids = probe_ids};

static void
probe_drain_later(void *self)
{
	(void)self;
}

static const struct role_ops SLOW = {.role = MSG_ROLE_KEEPER, .name = "probe", .config = probe_config,
    .channel = probe_channel, .start = probe_start, .ids = probe_ids, .drain = probe_drain_later};

static struct probe the_probe;

static void *
make(struct role *role)
{
	the_probe = (struct probe){.role = role};
	if (role_loop(role) == NULL || role_control(role) == NULL) {
		_exit(99);
	}
	return &the_probe;
}

/* --- the supervisor --- */
struct world {
	struct base_loop *loop;
	struct base_chan *chan;
	pid_t pid;
	bool gone;
	uint8_t hello_role;
	uint64_t corr;
	uint64_t answered; /* the correlation of the last answer */
	enum mc_err status;
	char detail[LIMIT_DETAIL + 1];
	unsigned told_count;
	uint8_t state;
	char told[LIMIT_DETAIL + 1]; /* the last state's line */
};

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct world *world = self;
	struct msg_status_ans ans;
	struct msg_ctl_status status;
	struct msg_hello hello;

	if (item->type == MSG_HELLO) {
		ck_assert_int_eq(msg_decode(&msg_hello_table, item->payload, &hello), MC_OK);
		world->hello_role = hello.role;
		return MC_OK;
	}
	if (item->type == MSG_CTL_STATUS) {
		const struct msg_status_ans seen = {.status = MC_OK};

		ck_assert_int_eq(msg_decode(&msg_ctl_status_table, item->payload, &status), MC_OK);
		world->state = status.state;
		base_span_copy_str(status.detail, world->told, sizeof(world->told));
		world->told_count++;
		return msg_send(chan, MSG_ANSWER(item->type), 0, item->corr, &msg_status_ans_table, &seen);
	}
	ck_assert_int_eq(msg_decode(&msg_status_ans_table, item->payload, &ans), MC_OK);
	world->answered = item->corr;
	world->status = mc_err_from_wire(ans.status);
	base_span_copy_str(ans.detail, world->detail, sizeof(world->detail));
	return MC_OK;
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct world *world = self;

	(void)chan;
	(void)why;
	world->gone = true;
}

static void
start_quiet(struct world *world, const struct role_ops *ops)
{
	int fds[2];

	memset(world, 0, sizeof(*world));
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	world->pid = fork();
	ck_assert_int_ge(world->pid, 0);
	if (world->pid == 0) {
		(void)close(fds[1]);
		if (fds[0] != BASE_PROC_CTL_FD) {
			(void)dup2(fds[0], BASE_PROC_CTL_FD);
		}
		_exit(role_run(ops, make, NULL));
	}
	(void)close(fds[0]);
	world->loop = base_loop_new();
	world->chan = base_chan_new(world->loop, fds[1], on_item, on_gone, world);
}

static void
start(struct world *world, const struct role_ops *ops)
{
	start_quiet(world, ops);
	ck_assert_int_eq(msg_hello_send(world->chan, MSG_ROLE_SUPERVISOR, NULL), MC_OK);
}

/* Hangs up if it is still there, and returns how the role ended. */
static int
end(struct world *world)
{
	int status = 0;

	base_chan_free(world->chan);
	base_loop_free(world->loop);
	ck_assert_int_eq(waitpid(world->pid, &status, 0), world->pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
wait_for(struct world *world, const bool *flag, uint64_t corr)
{
	int64_t end_us = base_clock_boot_us() + 10000000;

	while (!*flag && (corr == 0 || world->answered != corr) && base_clock_boot_us() < end_us) {
		base_loop_turn(world->loop, 100);
	}
}

/* The answer's status; MC_EPEER when it hangs up instead. */
static enum mc_err
call_fd(struct world *world, uint16_t type, const struct msg_table *table, const void *object, int fd)
{
	struct base_buf payload;

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(table, object, &payload), MC_OK);
	world->corr++;
	if (fd >= 0) {
		ck_assert_int_eq(base_chan_send_fd(world->chan, type, world->corr, base_buf_span(&payload), fd),
		    MC_OK);
	} else {
		ck_assert_int_eq(base_chan_send(world->chan, type, 0, world->corr, base_buf_span(&payload)),
		    MC_OK);
	}
	base_buf_clear(&payload);
	wait_for(world, &world->gone, world->corr);
	return world->answered == world->corr ? world->status : MC_EPEER;
}

static enum mc_err
call(struct world *world, uint16_t type)
{
	const struct msg_empty empty = {0};

	return call_fd(world, type, &msg_empty_table, &empty, -1);
}

static enum mc_err
configure_as(struct world *world, const char *instance)
{
	const struct msg_empty empty = {0};
	struct base_buf blob;
	char text[256];
	enum mc_err ret;
	int fd;

	(void)snprintf(text, sizeof(text), "instance: %s\nstate_dir: /x\nenvironments:\n"
	    "- {name: a, grpc: {listen: \"127.0.0.1:1\"}}\n", instance);
	base_buf_init(&blob, LIMIT_CONFIG);
	base_buf_append_le32(&blob, 1);
	base_buf_append_le32(&blob, (uint32_t)strlen(text));
	base_buf_append_str(&blob, text);
	fd = base_proc_memfd("config", blob.ptr, blob.len);
	base_buf_clear(&blob);
	ck_assert_int_ge(fd, 0);
	ret = call_fd(world, MSG_CTL_CONFIG, &msg_empty_table, &empty, fd);
	(void)close(fd);
	return ret;
}

/* Sends one end of a pipe; what the role wrote into it is in *word. */
static enum mc_err
call_pipe(struct world *world, uint16_t type, const struct msg_table *table, const void *object, char word[32])
{
	enum mc_err ret;
	ssize_t len;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ret = call_fd(world, type, table, object, fds[1]);
	(void)close(fds[1]);
	len = read(fds[0], word, 31); /* and its end: the role kept no copy */
	ck_assert_int_ge(len, 0);
	word[len] = '\0';
	(void)close(fds[0]);
	return ret;
}

START_TEST(a_role_starts_as_it_is_told)
{
	const struct msg_ctl_channel channel = {.peer = MSG_ROLE_LEDGER};
	struct msg_ctl_listener listener = {.kind = MSG_LISTEN_REST};
	const struct msg_ctl_keyfile keyfile = {.slot = MSG_KEY_ISSUING};
	struct msg_ctl_unseal unseal = {.slot = MSG_KEY_ENVIRONMENT, .passphrase = base_span_str("open sesame")};
	struct world world;
	char word[32];

	start(&world, &FULL);
	ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
	ck_assert_uint_eq(world.hello_role, MSG_ROLE_KEEPER);
	ck_assert_str_eq(world.told, "configured 1");
	ck_assert_int_eq(call_pipe(&world, MSG_CTL_CHANNEL, &msg_ctl_channel_table, &channel, word), MC_OK);
	ck_assert_str_eq(word, "ledger");
	ck_assert_int_eq(call_pipe(&world, MSG_CTL_LISTENER, &msg_ctl_listener_table, &listener, word), MC_OK);
	ck_assert_str_eq(word, "listener");
	ck_assert_int_eq(call_pipe(&world, MSG_CTL_KEYFILE, &msg_ctl_keyfile_table, &keyfile, word), MC_OK);
	ck_assert_str_eq(word, "key file");
	ck_assert_int_eq(call_fd(&world, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &unseal, -1), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_START), MC_OK);
	ck_assert_uint_eq(world.state, MSG_RS_READY);
	ck_assert_str_eq(world.told, "started 0");
	ck_assert_uint_eq(world.told_count, 2);
	/* A refusal of the role's own is an answer, with its reason; the supervisor decides. */
	listener.kind = MSG_LISTEN_GRPC;
	ck_assert_int_eq(call_pipe(&world, MSG_CTL_LISTENER, &msg_ctl_listener_table, &listener, word),
	    MC_ENOTFOUND);
	ck_assert_str_eq(world.detail, "no such kind");
	unseal.passphrase = base_span_str("open barley");
	ck_assert_int_eq(call_fd(&world, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &unseal, -1), MC_EPASSPHRASE);
	ck_assert_int_eq(configure_as(&world, "13"), MC_EPOLICY);
	ck_assert_int_eq(configure_as(&world, "999"), MC_ECONFIG);
	ck_assert_int_eq(configure_as(&world, "2"), MC_OK);
	ck_assert_str_eq(world.told, "configured 2");
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_OK);
	ck_assert_int_eq(strncmp(world.told, "descriptors ", 12), 0);
	ck_assert_int_eq(call(&world, MSG_SIGNER_INFO), MC_OK);
	ck_assert_str_eq(world.told, "asked 0");
	ck_assert_int_eq(call(&world, MSG_CTL_DRAIN), MC_OK);
	ck_assert_uint_eq(world.state, MSG_RS_DRAINING);
	ck_assert_int_eq(call(&world, MSG_CTL_DRAIN), MC_OK); /* the one before has ended */
	ck_assert(!world.gone);
	ck_assert_int_eq(end(&world), 0);
}
END_TEST

/* What a role does not take, out of order, or not at all: it hangs up, and ends in failure. */
START_TEST(what_is_not_for_a_role_ends_it)
{
	static const struct {
		uint16_t type;
		bool configured, with_fd;
		const struct role_ops *ops;
	} CASES[] = {
	    {MSG_CTL_CHANNEL, false, true, &FULL},
	    {MSG_CTL_LISTENER, false, true, &FULL},
	    {MSG_CTL_KEYFILE, false, true, &FULL},
	    {MSG_CTL_START, false, false, &FULL},
	    {MSG_CTL_LISTENER, true, true, &BARE},
	    {MSG_CTL_KEYFILE, true, true, &BARE},
	    {MSG_CTL_UNSEAL, true, false, &BARE},
	    {MSG_SIGNER_INFO, true, false, &BARE},
	    {MSG_ISSUE, true, false, &FULL}, /* the front's, on another channel */
	    {MSG_INTENT, true, false, &FULL},
	    {MSG_CTL_CHANNEL, true, false, &FULL}, /* a descriptor belongs to it */
	    {MSG_CTL_CLOCK, true, true, &FULL},    /* and none to that */
	};
	/* what each of the first four carries encodes alike in what is looked at */
	const struct msg_ctl_channel channel = {.peer = MSG_ROLE_LEDGER};
	const struct msg_ctl_listener listener = {.kind = MSG_LISTEN_REST};
	const struct msg_ctl_unseal unseal = {.slot = 1};
	const struct msg_empty empty = {0};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct msg_table *table = &msg_empty_table;
		const void *object = &empty;
		struct world world;

		if (CASES[i].type == MSG_CTL_CHANNEL) {
			table = &msg_ctl_channel_table;
			object = &channel;
		} else if (CASES[i].type == MSG_CTL_LISTENER || CASES[i].type == MSG_CTL_KEYFILE) {
			table = &msg_ctl_listener_table; /* a byte and an environment, both */
			object = &listener;
		} else if (CASES[i].type == MSG_CTL_UNSEAL) {
			table = &msg_ctl_unseal_table;
			object = &unseal;
		}
		start(&world, CASES[i].ops);
		if (CASES[i].configured) {
			ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
		}
		ck_assert_msg(call_fd(&world, CASES[i].type, table, object, CASES[i].with_fd ? 0 : -1) ==
			MC_EPEER, "%s was answered", msg_type_name(CASES[i].type));
		ck_assert_int_eq(end(&world), 1);
	}
}
END_TEST

/* Optional slots that are not there have nothing to do. */
START_TEST(a_bare_role_answers_for_what_it_lacks)
{
	struct world world;

	start(&world, &BARE);
	ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_START), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_DRAIN), MC_OK);
	ck_assert_uint_eq(world.state, MSG_RS_DRAINING);
	/* started once */
	ck_assert_int_eq(call(&world, MSG_CTL_START), MC_EPEER);
	ck_assert_int_eq(end(&world), 1);
}
END_TEST

START_TEST(a_refused_configuration_is_none)
{
	struct world world;

	start(&world, &FULL);
	ck_assert_int_eq(configure_as(&world, "13"), MC_EPOLICY);
	ck_assert_int_eq(call(&world, MSG_CTL_START), MC_EPEER);
	ck_assert_int_eq(end(&world), 1);
}
END_TEST

/* While it drains it is not told so again. */
START_TEST(a_role_drains_once_at_a_time)
{
	const struct msg_empty empty = {0};
	struct world world;

	start(&world, &SLOW);
	ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_START), MC_OK);
	ck_assert_int_eq(msg_send(world.chan, MSG_CTL_DRAIN, 0, 1000, &msg_empty_table, &empty), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_OK); /* it goes on answering */
	ck_assert_uint_eq(world.state, MSG_RS_DRAINING);
	ck_assert_uint_ne(world.answered, 1000);
	ck_assert_int_eq(call(&world, MSG_CTL_DRAIN), MC_EPEER);
	ck_assert_int_eq(end(&world), 1);
}
END_TEST

/* It has none of its parent's descriptors, and keeps none of those that configurations came in. */
START_TEST(a_role_holds_its_own_descriptors_only)
{
	char before[64];
	struct world world;
	int spare;

	start(&world, &FULL);
	ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_OK);
	(void)snprintf(before, sizeof(before), "%.63s", world.told);
	ck_assert_int_eq(end(&world), 0);
	spare = fcntl(0, F_DUPFD, 100);
	ck_assert_int_ge(spare, 100);
	start(&world, &FULL);
	(void)close(spare);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(configure_as(&world, i == 1 ? "999" : "1"), i == 1 ? MC_ECONFIG : MC_OK);
	}
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_OK);
	ck_assert_str_eq(world.told, before);
	ck_assert_int_eq(end(&world), 0);
}
END_TEST

/* The supervisor itself must say who it is, first. */
START_TEST(a_role_hears_its_supervisor_only)
{
	static const enum msg_role OTHERS[] = {MSG_ROLE_FRONT, MSG_ROLE_LEDGER, MSG_ROLE_KEEPER};
	struct world world;

	for (size_t i = 0; i < 3; i++) {
		start_quiet(&world, &FULL);
		ck_assert_int_eq(msg_hello_send(world.chan, OTHERS[i], NULL), MC_OK);
		wait_for(&world, &world.gone, 0);
		ck_assert(world.gone);
		ck_assert_int_eq(end(&world), 1);
	}
	start_quiet(&world, &FULL);
	ck_assert_int_eq(call(&world, MSG_CTL_CLOCK), MC_EPEER);
	ck_assert_int_eq(end(&world), 1);
}
END_TEST

/* It ends when its supervisor is gone, at any time, and that is no failure. */
START_TEST(a_role_ends_with_its_supervisor)
{
	struct world world;

	start_quiet(&world, &FULL);
	ck_assert_int_eq(end(&world), 0);
	start(&world, &FULL);
	ck_assert_int_eq(configure_as(&world, "1"), MC_OK);
	ck_assert_int_eq(end(&world), 0);
}
END_TEST

CHECK_MAIN("base_role", a_role_starts_as_it_is_told, what_is_not_for_a_role_ends_it,
    a_bare_role_answers_for_what_it_lacks, a_refused_configuration_is_none, a_role_drains_once_at_a_time,
    a_role_holds_its_own_descriptors_only, a_role_hears_its_supervisor_only, a_role_ends_with_its_supervisor)
