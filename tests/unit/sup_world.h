/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor in the test's own process and loop, with real role processes: puppets (sup_puppet.c), for which
 * the test speaks. Each answers every request at once, with success or as world.refused says, but for the types in
 * world.held; what came is kept in order. What is logged goes into a memory file, and no passphrase may be in it at the end.
 */
#ifndef TESTS_SUP_WORLD_H
#define TESTS_SUP_WORLD_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "rotation/sup.h"
#include "tests/unit/folder_make.h"
#include "tests/unit/log_catch.h"
#include "tests/unit/sup_puppet.h"

#define WORLD_WAIT_US (8 * INT64_C(1000000))
#define WORLD_PUPPETS 48
#define WORLD_ITEMS   64
#define WORLD_SECRET  "swordfish" /* in every passphrase of these tests */
#define WORLD_SECRET_HEX "73776f726466697368"

struct puppet_item {
	uint16_t type;
	uint64_t corr;
	int fd; /* closed at the end of the world */
	uint8_t *bytes;
	size_t len;
};

struct puppet {
	struct puppet_greeting who;
	enum msg_role role;
	int conn;               /* orders to its process */
	struct base_chan *chan; /* the role's end of its control channel; NULL: hung up on */
	struct puppet_item items[WORLD_ITEMS];
	size_t first, count;    /* not taken yet, and all */
	unsigned answers;       /* to what the test sent, and the newest: */
	uint16_t answer_type;
	uint64_t answer_corr;
	enum mc_err answer_status;
	char answer_detail[LIMIT_DETAIL + 1];
	uint64_t corr;
};

struct world {
	struct sup sup;
	char *folder;
	char *config_path;
	int door;
	struct puppet puppets[WORLD_PUPPETS];
	size_t count;
	uint16_t held[4];
	uint16_t refused; /* answered with MC_EIO, "no room" */
	bool mute; /* puppets neither greet nor answer by themselves */
};

static struct world world;

#define UNTIL(condition)                                                                  \
	do {                                                                              \
		int64_t until_us_ = base_clock_boot_us() + WORLD_WAIT_US;                 \
		while (!(condition)) {                                                    \
			ck_assert_msg(base_clock_boot_us() < until_us_, "in vain: %s", #condition); \
			base_loop_turn(world.sup.loop, 20);                               \
		}                                                                         \
	} while (0)

/* Everything that was sent is there. */
static inline void
world_turns(void)
{
	for (int i = 0; i < 6; i++) {
		base_loop_turn(world.sup.loop, 0);
	}
}

static inline bool
world_logged(const char *text)
{
	return log_count(text) > 0;
}

/* --- puppets --- */
static inline void
puppet_answer(struct puppet *puppet, const struct puppet_item *item, enum mc_err status, const char *detail)
{
	struct msg_status_ans ans = {.status = (uint32_t)status, .detail = base_span_str(detail)};

	ck_assert_int_eq(msg_send(puppet->chan, MSG_ANSWER(item->type), 0, item->corr,
	    &msg_status_ans_table, &ans), MC_OK);
}

/* The supervisor looks for what the root's act makes before it begins another. */
static inline void
puppet_acts(const struct base_item *item)
{
	struct msg_ctl_ceremony msg;

	if (item->type == MSG_CTL_CEREMONY &&
	    msg_decode(&msg_ctl_ceremony_table, item->payload, &msg) == MC_OK && msg.act == MSG_CEREMONY_ROOT) {
		folder_put(world.folder, "state/keys/root/root.pem", "root");
	}
}

static inline enum mc_err
puppet_answered(struct puppet *puppet, const struct base_item *item)
{
	struct msg_status_ans ans;

	ck_assert_int_eq(msg_decode(&msg_status_ans_table, item->payload, &ans), MC_OK);
	puppet->answers++;
	puppet->answer_type = item->type;
	puppet->answer_corr = item->corr;
	puppet->answer_status = mc_err_from_wire(ans.status);
	sup_text_set(puppet->answer_detail, ans.detail);
	return MC_OK;
}

static inline enum mc_err
puppet_on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct puppet *puppet = self;
	struct puppet_item *kept = &puppet->items[puppet->count];

	(void)chan;
	if (item->type == MSG_HELLO) {
		return msg_hello_check(item, MSG_ROLE_SUPERVISOR, NULL);
	}
	if ((item->type & 1u) != 0) {
		return puppet_answered(puppet, item);
	}
	ck_assert_uint_lt(puppet->count, WORLD_ITEMS);
	puppet->count++;
	*kept = (struct puppet_item){.type = item->type, .corr = item->corr, .fd = item->fd,
	    .len = item->payload.len};
	kept->bytes = base_xcalloc(1, kept->len + 1);
	base_copy(kept->bytes, item->payload.ptr, kept->len);
	for (size_t i = 0; i < sizeof(world.held) / sizeof(world.held[0]); i++) {
		if (world.held[i] == item->type) {
			return MC_OK;
		}
	}
	if (!world.mute) {
		bool refused = world.refused == item->type;

		if (!refused) {
			puppet_acts(item);
		}
		puppet_answer(puppet, kept, refused ? MC_EIO : MC_OK, refused ? "no room" : "");
	}
	return MC_OK;
}

static inline void
puppet_on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct puppet *puppet = self;

	(void)why;
	base_chan_free(chan);
	puppet->chan = NULL;
}

static inline enum msg_role
puppet_role(const struct puppet_greeting *who)
{
	static const struct {
		const char *program;
		enum msg_role role;
	} rows[] = {{"meshca-front", MSG_ROLE_FRONT}, {"meshca-ledger", MSG_ROLE_LEDGER},
	    {"meshca-keeper", MSG_ROLE_KEEPER}, {"meshca-ceremony", MSG_ROLE_CEREMONY},
	    {"meshca-signer", MSG_ROLE_SIGNER}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].program, who->program) == 0) {
			return rows[i].role;
		}
	}
	ck_abort_msg("no role is a %s", who->program);
}

static inline void
world_on_door(void *self, unsigned events)
{
	struct puppet *puppet = &world.puppets[world.count];
	struct iovec iov = {&puppet->who, sizeof(puppet->who)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	int fd;

	(void)self;
	(void)events;
	ck_assert_uint_lt(world.count, WORLD_PUPPETS);
	world.count++;
	puppet->conn = accept4(world.door, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(puppet->conn, 0);
	ck_assert_int_eq(recvmsg(puppet->conn, &msg, MSG_CMSG_CLOEXEC), (ssize_t)sizeof(puppet->who));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	puppet->role = puppet_role(&puppet->who);
	puppet->chan = base_chan_new(world.sup.loop, fd, puppet_on_item, puppet_on_gone, puppet);
	if (!world.mute) {
		ck_assert_int_eq(msg_hello_send(puppet->chan, puppet->role, NULL), MC_OK);
	}
}

/* The puppet of a process; NULL: it has not come yet, or the process does not run. */
static inline struct puppet *
puppet_of(const struct sup_proc *proc)
{
	for (size_t i = 0; i < world.count; i++) {
		if (proc->pid > 0 && world.puppets[i].who.pid == proc->pid) {
			return &world.puppets[i];
		}
	}
	return NULL;
}

/* How many came of this type, from this one on. */
static inline unsigned
puppet_got(const struct puppet *puppet, size_t from, uint16_t type)
{
	unsigned found = 0;

	for (size_t i = from; i < puppet->count; i++) {
		found += puppet->items[i].type == type;
	}
	return found;
}

/* Waits until it is there and has got the last message of a start, or of an act. */
static inline struct puppet *
puppet_started(const struct sup_proc *proc)
{
	uint16_t last = proc->role == MSG_ROLE_CEREMONY ? MSG_CTL_CEREMONY : MSG_CTL_START;
	struct puppet *puppet;

	UNTIL((puppet = puppet_of(proc)) != NULL && puppet_got(puppet, 0, last) > 0);
	world_turns();
	return puppet;
}

/* The next item that was not taken, of this type. */
static inline struct puppet_item *
puppet_take(struct puppet *puppet, uint16_t type)
{
	struct puppet_item *item;

	UNTIL(puppet->count > puppet->first);
	item = &puppet->items[puppet->first++];
	ck_assert_msg(item->type == type, "%s came instead of %s", msg_type_name(item->type),
	    msg_type_name(type));
	return item;
}

/* The next one of this type; those before it are skipped. */
static inline struct puppet_item *
puppet_seek(struct puppet *puppet, uint16_t type)
{
	struct puppet_item *item;

	do {
		UNTIL(puppet->count > puppet->first);
		item = &puppet->items[puppet->first++];
	} while (item->type != type);
	return item;
}

/* How many that were not taken are of this type. */
static inline unsigned
puppet_has(const struct puppet *puppet, uint16_t type)
{
	return puppet_got(puppet, puppet->first, type);
}

static inline void
puppet_read(const struct puppet_item *item, const struct msg_table *table, void *object)
{
	ck_assert_int_eq(msg_decode(table, base_span_of(item->bytes, item->len), object), MC_OK);
}

static inline void
puppet_says(struct puppet *puppet, uint8_t state, const char *detail)
{
	struct msg_ctl_status msg = {.state = state, .detail = base_span_str(detail)};

	ck_assert_int_eq(msg_send(puppet->chan, MSG_CTL_STATUS, 0, ++puppet->corr,
	    &msg_ctl_status_table, &msg), MC_OK);
	world_turns();
}

static inline void
puppet_order(const struct puppet *puppet, char order)
{
	ck_assert_int_eq(send(puppet->conn, &order, 1, MSG_NOSIGNAL), 1);
}

/* Its process and its end of the channel are gone at once. */
static inline void
puppet_kill(struct puppet *puppet)
{
	ck_assert_int_eq(kill(puppet->who.pid, SIGKILL), 0);
	base_chan_free(puppet->chan);
	puppet->chan = NULL;
}

/* The same; it is not started again for as long as a test takes. */
static inline void
puppet_kill_for_long(struct sup_proc *proc)
{
	proc->backoff_us = LIMIT_PROC_RESTART_MAX_S * INT64_C(1000000);
	puppet_kill(puppet_of(proc));
	UNTIL(proc->pid == 0 && proc->chan == NULL);
}

/* --- the world --- */
static inline void
world_on_signal(void *self, int signo)
{
	if (signo == SIGCHLD) {
		sup_reap(self);
	}
}

static inline char *
world_path(const char *name)
{
	return base_xasprintf("%s/%s", world.folder, name);
}

/* meshca.yaml, which is world.config_path: production has a passphrase file, staging has none. The two
 * may be NULL: lines for the top, and for staging, which comes last. */
static inline void
world_write_config(const char *top, const char *staging)
{
	char *text = base_xasprintf("state_dir: %s/state\nlog_level: debug\n%s"
	    "operators: {passphrase_file: %s/operators.pass}\n"
	    "environments:\n"
	    "  - name: production\n    grpc: {listen: \"127.0.0.1:15012\"}\n"
	    "    passphrase_file: %s/pass\n"
	    "  - name: staging\n    grpc: {listen: \"127.0.0.1:15013\"}\n%s", world.folder,
	    top != NULL ? top : "", world.folder, world.folder, staging != NULL ? staging : "");

	folder_put(world.folder, "meshca.yaml", text);
	free(text);
}

/* Listening sockets stand for those that the configuration names: no fixed port is taken. */
static inline void
world_listener(enum msg_listener kind, const char *environment, const struct config_address *address)
{
	struct sup *sup = &world.sup;
	struct sup_listener *listener;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(listen(fd, 1), 0);
	sup->listeners = base_xreallocarray(sup->listeners, sup->listener_count + 1, sizeof(*listener));
	listener = &sup->listeners[sup->listener_count++];
	*listener = (struct sup_listener){.kind = kind, .address = *address, .fd = fd};
	listener->environment = environment != NULL ? base_xstrdup(environment) : NULL;
}

static inline void
world_open(void)
{
	struct sockaddr_un address;
	socklen_t len = puppet_address(&address, getpid());
	struct config *config;

	if (world.folder != NULL) { /* left by a test that failed */
		(void)close(world.door);
	}
	memset(&world, 0, sizeof(world));
	world.folder = folder_make();
	world.config_path = world_path("meshca.yaml");
	folder_put(world.folder, "pass", WORLD_SECRET " configured\n");
	folder_put(world.folder, "operators.pass", WORLD_SECRET " of operators\n");
	folder_put(world.folder, "state/run/here", "");
	folder_put(world.folder, "state/keys/root/root.pem", "root");
	for (const char *const *name = (const char *const[]){"production", "staging", CONFIG_OPERATORS,
		 NULL}; *name != NULL; name++) {
		char *key = base_xasprintf("state/keys/%s/environment.pem", *name);
		char *issuing = base_xasprintf("state/keys/%s/issuing.pem", *name);

		folder_put(world.folder, key, "environment");
		folder_put(world.folder, issuing, *name);
		free(key);
		free(issuing);
	}
	world_write_config(NULL, NULL);
	log_catch("supervisor");
	world.sup.lock = -1;
	world.sup.config_path = world.config_path;
	world.sup.config = config = config_read(world.config_path);
	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	world.sup.loop = base_loop_new();
	base_loop_signals(world.sup.loop, world_on_signal, &world.sup);
	world_listener(MSG_LISTEN_REST, NULL, &config->rest);
	world_listener(MSG_LISTEN_PROBES, NULL, &config->probes);
	for (size_t i = 0; i < config->environment_count; i++) {
		world_listener(MSG_LISTEN_GRPC, config->environments[i].name, &config->environments[i].grpc);
	}
	world.door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(world.door, (const struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(world.door, WORLD_PUPPETS), 0);
	base_loop_watch(world.sup.loop, world.door, BASE_LOOP_READ, world_on_door, NULL);
}

/* Starts a process and waits for its puppet. */
static inline struct puppet *
world_start(enum msg_role role, const char *environment, struct sup_proc **proc)
{
	struct sup_proc *added = sup_proc_add(&world.sup, role, environment);

	if (proc != NULL) {
		*proc = added;
	}
	sup_proc_start(added);
	return puppet_started(added);
}

static inline void
world_end_processes(void)
{
	world.sup.stopping = true;
	for (struct sup_proc *proc = world.sup.procs; proc != NULL; proc = proc->next) {
		if (proc->phase != SUP_STOPPING) {
			sup_proc_stop(proc);
		}
	}
	UNTIL(world.sup.procs == NULL);
}

static inline void
world_close(void)
{
	world_end_processes();
	for (size_t i = 0; i < world.count; i++) {
		struct puppet *puppet = &world.puppets[i];

		base_chan_free(puppet->chan);
		(void)close(puppet->conn);
		for (size_t k = 0; k < puppet->count; k++) {
			free(puppet->items[k].bytes);
			if (puppet->items[k].fd >= 0) {
				(void)close(puppet->items[k].fd);
			}
		}
	}
	base_loop_unwatch(world.sup.loop, world.door);
	(void)close(world.door);
	sup_listen_clear(&world.sup);
	config_free(world.sup.config);
	base_loop_free(world.sup.loop);
	ck_assert_msg(!world_logged(WORLD_SECRET), "a passphrase is in the log");
	ck_assert_msg(!world_logged(WORLD_SECRET_HEX), "a passphrase is in the log, in hex");
	log_let_go();
	free(world.config_path);
	folder_drop(world.folder);
	world.folder = NULL;
}

#endif
