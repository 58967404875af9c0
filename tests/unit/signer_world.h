/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world around one meshca-signer process: the test is its supervisor, its ledger, its
 * front and its keeper. What arrives is kept in order until it is asked for.
 */
#ifndef TESTS_SIGNER_WORLD_H
#define TESTS_SIGNER_WORLD_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_ledger.h"
#include "base/proc.h"
#include "ca/keyfile.h"
#include "ca_make.h"

#define WORLD_WAIT_US 8000000
#define WORLD_ITEMS   2048

struct world_item {
	uint16_t type;
	uint16_t flags;
	uint64_t corr;
	uint8_t *bytes;
	size_t len;
};

/* One channel of the signer's. */
struct world_end {
	enum msg_role role; /* ours */
	struct base_chan *chan;
	bool gone;
	bool greeted;
	struct world_item items[WORLD_ITEMS];
	size_t first, count;
	uint64_t corr; /* of our last request */
};

struct world {
	struct base_loop *loop;
	const char *environment;
	pid_t pid;
	struct make_ca *ca;
	char dir[64];
	struct world_end control, ledger, front, keeper;
	uint8_t last_state;
};

static struct world *world;
static bool world_break_active; /* hand over an unreadable key file first */

static inline enum mc_err
world_on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct world_end *end = self;

	if (!end->greeted) {
		end->greeted = true;
		bool named = end->role != MSG_ROLE_SUPERVISOR;
		bool operators = strcmp(world->environment, CONFIG_OPERATORS) == 0;
		ck_assert_int_eq(msg_hello_check(item,
				     operators ? MSG_ROLE_OPERATORS : MSG_ROLE_SIGNER,
				     named ? world->environment : NULL), MC_OK);
		return MC_OK;
	}
	if (item->type == MSG_CTL_STATUS) {
		struct msg_ctl_status status;
		struct msg_status_ans ok = {0};
		ck_assert_int_eq(msg_decode(&msg_ctl_status_table, item->payload, &status),
		    MC_OK);
		world->last_state = status.state;
		return msg_send(chan, MSG_ANSWER(MSG_CTL_STATUS), 0, item->corr,
		    &msg_status_ans_table, &ok);
	}
	ck_assert_uint_lt(end->count, WORLD_ITEMS);
	struct world_item *kept = &end->items[(end->first + end->count++) % WORLD_ITEMS];
	*kept = (struct world_item){.type = item->type, .flags = item->flags,
	    .corr = item->corr, .len = item->payload.len};
	kept->bytes = malloc(kept->len + 1);
	memcpy(kept->bytes, item->payload.ptr, kept->len);
	return MC_OK;
}

static inline void
world_on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct world_end *end = self;

	(void)why;
	base_chan_free(chan);
	end->chan = NULL;
	end->gone = true;
}

static inline void
world_end_open(struct world_end *end, enum msg_role role, int fd)
{
	*end = (struct world_end){.role = role};
	end->chan = base_chan_new(world->loop, fd, world_on_item, world_on_gone, end);
	ck_assert_int_eq(msg_hello_send(end->chan, role, NULL), MC_OK);
}

/* Turns until there is an item of this type first in line; fails the test after a while. */
static inline struct world_item
world_take(struct world_end *end, uint16_t type)
{
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;

	while (end->count == 0) {
		ck_assert_msg(!end->gone, "the channel is gone, waiting for %s",
		    msg_type_name(type));
		ck_assert_msg(base_clock_boot_us() < until, "no %s came", msg_type_name(type));
		base_loop_turn(world->loop, 50);
	}
	struct world_item item = end->items[end->first % WORLD_ITEMS];
	end->first++;
	end->count--;
	ck_assert_msg(item.type == type, "%u came instead of %s (%u)", item.type,
	    msg_type_name(type), type);
	return item;
}

/* Turns for a while and says whether something came. */
static inline bool
world_quiet(const struct world_end *end, int ms)
{
	int64_t until = base_clock_boot_us() + ms * 1000;

	while (base_clock_boot_us() < until && end->count == 0) {
		base_loop_turn(world->loop, 5);
	}
	return end->count == 0;
}

static inline struct base_span
world_bytes(const struct world_item *item)
{
	return base_span_of(item->bytes, item->len);
}

static inline void
world_ask(struct world_end *end, uint16_t type, const struct msg_table *table,
    const void *object)
{
	ck_assert_int_eq(msg_send(end->chan, type, 0, ++end->corr, table, object), MC_OK);
}

static inline enum mc_err
world_status(struct world_end *end, uint16_t type)
{
	struct world_item item = world_take(end, MSG_ANSWER(type));
	struct msg_status_ans answer;

	ck_assert_int_eq(msg_decode(&msg_status_ans_table, world_bytes(&item), &answer), MC_OK);
	free(item.bytes);
	return (enum mc_err)answer.status;
}

static inline void
world_give_channel(struct world_end *end, enum msg_role role)
{
	struct msg_ctl_channel msg = {.peer = (uint8_t)role, .generation = 1};
	struct base_buf payload;
	int fds[2];

	base_buf_init(&payload, 1024);
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	ck_assert_int_eq(msg_encode(&msg_ctl_channel_table, &msg, &payload), MC_OK);
	ck_assert_int_eq(base_chan_send_fd(world->control.chan, MSG_CTL_CHANNEL,
			     ++world->control.corr, base_buf_span(&payload), fds[1]), MC_OK);
	close(fds[1]);
	world_end_open(end, role, fds[0]);
	ck_assert_int_eq(world_status(&world->control, MSG_CTL_CHANNEL), MC_OK);
	base_buf_clear(&payload);
}

static inline void
world_give_config(const char *text)
{
	struct config *config = config_parse("test", base_span_str(text));

	ck_assert_msg(config != NULL, "%s", mc_err_last()->detail);
	int fd = config_to_memfd(config);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(base_chan_send_fd(world->control.chan, MSG_CTL_CONFIG,
			     ++world->control.corr, base_span_of(NULL, 0), fd), MC_OK);
	close(fd);
	config_free(config);
	ck_assert_int_eq(world_status(&world->control, MSG_CTL_CONFIG), MC_OK);
}

static inline enum mc_err
world_send_keyfile(int fd)
{
	struct msg_ctl_keyfile msg = {.slot = MSG_KEY_ISSUING,
	    .environment = base_span_str(world->environment)};
	struct base_buf payload;

	base_buf_init(&payload, 1024);
	ck_assert_int_eq(msg_encode(&msg_ctl_keyfile_table, &msg, &payload), MC_OK);
	ck_assert_int_eq(base_chan_send_fd(world->control.chan, MSG_CTL_KEYFILE,
			     ++world->control.corr, base_buf_span(&payload), fd), MC_OK);
	close(fd);
	base_buf_clear(&payload);
	return world_status(&world->control, MSG_CTL_KEYFILE);
}

static inline void
world_give_keyfile(const char *passphrase, enum mc_err expected)
{
	struct base_secret *secret = base_secret_new(strlen(passphrase));
	struct base_span certs[2] = {make_ca_der(world->ca), make_ca_der(world->ca)};

	memcpy(base_secret_ptr(secret), passphrase, strlen(passphrase));
	snprintf(world->dir, sizeof(world->dir), "/tmp/meshca-signer-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world->dir));
	int dir = open(world->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(keyfile_write(dir, "issuing.pem", world->ca->key, secret, certs, 2),
	    MC_OK);
	base_secret_free(secret);
	int fd = openat(dir, "issuing.pem", O_RDONLY | O_CLOEXEC);
	unlinkat(dir, "issuing.pem", 0);
	close(dir);
	rmdir(world->dir);
	ck_assert_int_eq(world_send_keyfile(fd), expected);
}

static inline enum mc_err
world_unseal(const char *passphrase)
{
	struct msg_ctl_unseal msg = {.slot = MSG_KEY_ENVIRONMENT,
	    .environment = base_span_str(world->environment),
	    .passphrase = base_span_str(passphrase)};

	world_ask(&world->control, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &msg);
	return world_status(&world->control, MSG_CTL_UNSEAL);
}

/* A started, sealed signer with all its channels. The key file's passphrase is "right". */
static inline void
world_open(const char *environment, const char *config, const char *ca_alg,
    const char *trust_domain)
{
	int fds[2];

	world = calloc(1, sizeof(*world));
	world->environment = environment;
	world->loop = base_loop_new();
	world->ca = make_ca(ca_alg, trust_domain, base_clock_now() + 30 * 86400);
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	world->pid = fork();
	if (world->pid == 0) {
		dup2(fds[1], BASE_PROC_CTL_FD);
		execl(TEST_BIN_DIR "/meshca-signer", "meshca-signer", environment, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	world_end_open(&world->control, MSG_ROLE_SUPERVISOR, fds[0]);
	world_give_config(config);
	world_give_channel(&world->ledger, MSG_ROLE_LEDGER);
	world_give_channel(&world->front, MSG_ROLE_FRONT);
	world_give_channel(&world->keeper, MSG_ROLE_KEEPER);
	if (world_break_active) {
		int fd = base_proc_memfd("bad", "no key", 6);
		ck_assert_int_ne(world_send_keyfile(fd), MC_OK);
	}
	world_give_keyfile("right", world_break_active ? MC_EUSAGE : MC_OK);
	world_ask(&world->control, MSG_CTL_START, &msg_empty_table, &(struct msg_empty){0});
	ck_assert_int_eq(world_status(&world->control, MSG_CTL_START), MC_OK);
}

static inline int
world_wait_exit(void)
{
	int64_t until = base_clock_boot_us() + WORLD_WAIT_US;
	int status = -1;

	while (waitpid(world->pid, &status, WNOHANG) == 0) {
		ck_assert_msg(base_clock_boot_us() < until, "it does not exit");
		base_loop_turn(world->loop, 10);
	}
	world->pid = 0;
	return status;
}

static inline void
world_end_close(struct world_end *end)
{
	base_chan_free(end->chan);
	end->chan = NULL;
	while (end->count > 0) {
		free(end->items[end->first++ % WORLD_ITEMS].bytes);
		end->count--;
	}
}

/* The supervisor goes away: the signer must, too, and in order. */
static inline void
world_close(void)
{
	world_end_close(&world->control);
	if (world->pid != 0) {
		ck_assert_int_eq(world_wait_exit(), 0);
	}
	world_end_close(&world->ledger);
	world_end_close(&world->front);
	world_end_close(&world->keeper);
	base_loop_free(world->loop);
	make_ca_free(world->ca);
	free(world);
	world = NULL;
}

#endif
