/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon as far as its local socket goes: answers every request alike, and keeps the last one. */
#ifndef TESTS_ADMIN_SERVER_H
#define TESTS_ADMIN_SERVER_H

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/msg_admin.h"
#include "folder_make.h"

#define ADMIN_TEXT_MAX 256

struct admin_server {
	/* What is answered. */
	struct msg_adm_ans answer;
	void (*make)(void);   /* sets it when the request is known; NULL: it stands */
	const char *progress; /* said before it; NULL: nothing */
	bool hangs_up;        /* instead of answering */
	/* What was asked last. */
	unsigned count;
	uint16_t type;
	char environment[ADMIN_TEXT_MAX]; /* or a person's name */
	char passphrase[ADMIN_TEXT_MAX];
	char root_passphrase[ADMIN_TEXT_MAX];
	uint8_t key[LIMIT_KEY_BYTES];
	size_t key_len;
	uint8_t role;
	/* Its own. */
	struct base_loop *loop;
	bool gone;
	pthread_t thread;
	int fd;
};

static struct admin_server admin;

static inline void
admin_keep(char to[ADMIN_TEXT_MAX], struct base_span from)
{
	size_t len = from.len < ADMIN_TEXT_MAX - 1 ? from.len : ADMIN_TEXT_MAX - 1;

	memcpy(to, from.ptr, len);
	to[len] = '\0';
}

static inline void
admin_see(const struct base_item *item)
{
	struct msg_adm_environment one;
	struct msg_adm_user_add user;

	admin.count++;
	admin.type = item->type;
	if (item->type == MSG_ADM_USER_ADD) {
		ck_assert_int_eq(msg_decode(&msg_adm_user_add_table, item->payload, &user), MC_OK);
		admin_keep(admin.environment, user.name);
		admin.role = user.role;
		admin.key_len = user.key.len;
		memcpy(admin.key, user.key.ptr, user.key.len);
	} else if (item->type == MSG_ADM_UNSEAL || item->type == MSG_ADM_ROTATE ||
	    item->type == MSG_ADM_ENV_ADD || item->type == MSG_ADM_CA_CRL) {
		ck_assert_int_eq(msg_decode(&msg_adm_environment_table, item->payload, &one), MC_OK);
		admin_keep(admin.environment, one.environment);
		admin_keep(admin.passphrase, one.passphrase);
		admin_keep(admin.root_passphrase, one.root_passphrase);
	}
}

static inline enum mc_err
admin_send(struct base_chan *chan, const struct base_item *item, uint16_t flags,
    const struct msg_adm_ans *answer)
{
	struct base_buf payload;
	enum mc_err ret;

	base_buf_init(&payload, LIMIT_FRAME);
	ck_assert_int_eq(msg_encode(&msg_adm_ans_table, answer, &payload), MC_OK);
	ret = base_chan_send(chan, (uint16_t)(item->type + 1U), flags, item->corr, base_buf_span(&payload));
	base_buf_clear(&payload);
	return ret;
}

static inline enum mc_err
admin_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	const struct msg_adm_ans progress = {.text =
	    base_span_str(admin.progress == NULL ? "" : admin.progress)};

	(void)self;
	admin_see(item);
	if (admin.make != NULL) {
		admin.make();
	}
	if (admin.hangs_up) {
		return MC_EPEER;
	}
	if (admin.progress != NULL) {
		(void)admin_send(chan, item, BASE_ITEM_MORE, &progress);
	}
	return admin_send(chan, item, 0, &admin.answer);
}

static inline void
admin_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)why;
	base_chan_free(chan);
	admin.gone = true;
}

static inline void *
admin_run(void *self)
{
	int fd;

	(void)self;
	admin.loop = base_loop_new();
	while ((fd = accept4(admin.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		admin.gone = false;
		(void)base_chan_new(admin.loop, fd, admin_item, admin_gone, NULL);
		while (!admin.gone) {
			base_loop_turn(admin.loop, 1000);
		}
	}
	base_loop_free(admin.loop);
	return NULL;
}

/* Writes folder/meshca.yaml, whose environments are production and, with its passphrase in a file, staging. */
static inline void
admin_put_config(const char *folder)
{
	char *text = base_xasprintf("state_dir: %s\nenvironments:\n  - name: production\n"
				    "    grpc: {listen: \"127.0.0.1:15012\"}\n  - name: staging\n"
				    "    grpc: {listen: \"127.0.0.1:15013\"}\n"
				    "    passphrase_file: %s/staging.pass\n",
	    folder, folder);

	folder_put(folder, "meshca.yaml", text);
	free(text);
}

/* Listens where that configuration says. */
static inline void
admin_start(const char *folder)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	admin = (struct admin_server){.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
	folder_put(folder, "run/here", "");
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/admin.sock", folder);
	ck_assert_int_eq(bind(admin.fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(admin.fd, 8), 0);
	ck_assert_int_eq(pthread_create(&admin.thread, NULL, admin_run, NULL), 0);
}

/* From then on the socket is there, and nobody listens. */
static inline void
admin_stop(void)
{
	(void)shutdown(admin.fd, SHUT_RDWR);
	(void)pthread_join(admin.thread, NULL);
	(void)close(admin.fd);
}

#endif
