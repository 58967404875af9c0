/* SPDX-License-Identifier: Apache-2.0 */
/* One meshca-signer process, with the test around it (signer_ends.h). */
#ifndef TESTS_SIGNER_WORLD_H
#define TESTS_SIGNER_WORLD_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "ca/keyfile.h"
#include "signer_ends.h"

static bool world_break_active; /* hand over an unreadable key file first */

static inline void
world_end_open(struct world_end *end, enum msg_role role, int fd)
{
	memset(end, 0, sizeof(*end)); /* a compound literal of it would be 64 KiB of stack */
	end->role = role;
	end->chan = base_chan_new(world->loop, fd, world_on_item, world_on_gone, end);
	ck_assert_int_eq(msg_hello_send(end->chan, role, NULL), MC_OK);
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
	ck_assert_int_eq(world_send_keyfile(world_keyfile(world->ca, passphrase)), expected);
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
