/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the admin socket, in the supervisor's own loop (sup_world.h). */
#ifndef TESTS_ADMIN_CLIENT_H
#define TESTS_ADMIN_CLIENT_H

#include "base/msg_admin.h"
#include "tests/unit/sup_world.h"

struct admin_client {
	struct base_chan *chan; /* NULL: hung up on */
	unsigned lines, lasts;  /* of progress; last answers */
	char line[LIMIT_DETAIL + 1]; /* the last one */
	uint32_t status;
	char detail[LIMIT_DETAIL + 1];
	char *text;             /* of the last answer; and what USER_ADD gives */
	char *cert, *issuer, *anchors;
	uint64_t corr;
};

static inline void
admin_set(char **out, struct base_span span)
{
	free(*out);
	*out = base_xstrndup(span.len > 0 ? (const char *)span.ptr : "", span.len);
	ck_assert_ptr_null(strstr(*out, WORLD_SECRET));
}

static inline enum mc_err
admin_on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct admin_client *client = self;
	struct msg_adm_ans ans;

	(void)chan;
	ck_assert_int_eq(msg_decode(&msg_adm_ans_table, item->payload, &ans), MC_OK);
	if ((item->flags & BASE_ITEM_MORE) != 0) {
		client->lines++;
		ck_assert_uint_eq(ans.status, MC_OK);
		sup_text_set(client->line, ans.text);
		ck_assert_ptr_null(strstr(client->line, WORLD_SECRET));
		return MC_OK;
	}
	client->lasts++;
	client->status = ans.status;
	sup_text_set(client->detail, ans.detail);
	ck_assert_ptr_null(strstr(client->detail, WORLD_SECRET));
	admin_set(&client->text, ans.text);
	admin_set(&client->cert, ans.cert);
	admin_set(&client->issuer, ans.issuer);
	admin_set(&client->anchors, ans.anchors);
	return MC_OK;
}

static inline void
admin_on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct admin_client *client = self;

	(void)why;
	base_chan_free(chan);
	client->chan = NULL;
}

/* A connection that nobody has looked at yet. */
static inline int
admin_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock",
	    world.sup.config->run_dir);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void
admin_connect(struct admin_client *client)
{
	*client = (struct admin_client){0};
	client->chan = base_chan_new(world.sup.loop, admin_socket(), admin_on_item, admin_on_gone, client);
	world_turns();
}

static inline void
admin_leave(struct admin_client *client)
{
	base_chan_free(client->chan);
	client->chan = NULL;
	world_turns();
	free(client->text);
	free(client->cert);
	free(client->issuer);
	free(client->anchors);
	*client = (struct admin_client){0};
}

static inline void
admin_order(struct admin_client *client, uint16_t type, const struct msg_table *table, const void *object)
{
	client->lines = client->lasts = 0;
	ck_assert_int_eq(msg_send(client->chan, type, 0, ++client->corr, table, object), MC_OK);
	world_turns();
}

/* An order about an environment; the passphrases may be NULL. */
static inline void
admin_about(struct admin_client *client, uint16_t type, const char *environment, const char *passphrase,
    const char *root)
{
	struct msg_adm_environment msg = {.environment = base_span_str(environment),
	    .passphrase = base_span_str(passphrase), .root_passphrase = base_span_str(root)};

	admin_order(client, type, &msg_adm_environment_table, &msg);
}

static inline void
admin_plain(struct admin_client *client, uint16_t type)
{
	static const struct msg_empty empty;

	admin_order(client, type, &msg_empty_table, &empty);
}

/* Waits for the last answer, which must be this, with this in its text, or its detail. */
static inline void
admin_gets(struct admin_client *client, enum mc_err status, const char *detail)
{
	const char *says;

	UNTIL(client->lasts > 0);
	ck_assert_uint_eq(client->lasts, 1);
	ck_assert_msg(client->status == (uint32_t)status, "%s: %s", mc_err_word((enum mc_err)client->status),
	    client->detail);
	says = status == MC_OK ? client->text : client->detail;
	ck_assert_msg(says != NULL && strstr(says, detail) != NULL, "%s", says != NULL ? says : "");
}

#endif
