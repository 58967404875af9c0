/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chan.h"

/* Ceremonies make RSA keys: seconds, on a busy machine many. */
#define ADMIN_TIMEOUT_MS (10 * 60 * 1000)

struct config *
cli_config(const struct cli *cli)
{
	const char *path = cli_args_get(&cli->args, "--config");

	return config_read(path == NULL ? CLI_CONFIG_DEFAULT : path);
}

void
cli_admin_answer_clear(struct cli_admin_answer *answer)
{
	base_buf_clear(&answer->detail);
	base_buf_clear(&answer->text);
	base_buf_clear(&answer->cert);
	base_buf_clear(&answer->issuer);
	base_buf_clear(&answer->anchors);
}

/* A connected socket, or -1 with the failure recorded. */
static int
admin_connect(const struct config *config)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock",
	    config->run_dir);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(address.sun_path)) {
		(void)MC_FAIL(MC_ECONFIG, "run_dir is too long for a socket: %s", config->run_dir);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		(void)MC_FAIL(MC_EIO, "socket: %s", strerror(errno));
		return -1;
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		enum mc_err err =
		    errno == EACCES || errno == EPERM ? MC_EDENIED : MC_EPEER;

		(void)MC_FAIL(err, "%s: %s; %s", address.sun_path, strerror(errno),
		    err == MC_EDENIED ? "only root and the daemon's own user may use it"
				      : "is meshcad running?");
		(void)close(fd);
		return -1;
	}
	return fd;
}

bool
cli_admin_is_up(const struct config *config)
{
	int fd = admin_connect(config);

	if (fd < 0) {
		return mc_err_last()->code == MC_EDENIED;
	}
	(void)close(fd);
	return true;
}

static enum mc_err
on_answer(void *self, const struct base_item *item)
{
	struct cli_admin_answer *answer = self;
	struct msg_adm_ans got;
	enum mc_err err = msg_decode(&msg_adm_ans_table, item->payload, &got);

	if (err != MC_OK) {
		return err;
	}
	if ((item->flags & BASE_ITEM_MORE) != 0) {
		cli_note("  %.*s", (int)got.text.len, (const char *)got.text.ptr);
		return MC_OK;
	}
	answer->status = mc_err_from_wire(got.status);
	base_buf_append_span(&answer->detail, got.detail);
	base_buf_append_span(&answer->text, got.text);
	base_buf_append_span(&answer->cert, got.cert);
	base_buf_append_span(&answer->issuer, got.issuer);
	base_buf_append_span(&answer->anchors, got.anchors);
	return MC_OK;
}

enum mc_err
cli_admin_call(const struct config *config, uint16_t type, const struct msg_table *table,
    const void *object, struct cli_admin_answer *answer)
{
	struct base_chan *chan;
	struct base_buf payload;
	enum mc_err ret;
	int fd;

	*answer = (struct cli_admin_answer){.status = MC_EINTERNAL};
	base_buf_init(&answer->detail, LIMIT_FRAME);
	base_buf_init(&answer->text, LIMIT_FRAME);
	base_buf_init(&answer->cert, LIMIT_FRAME);
	base_buf_init(&answer->issuer, LIMIT_FRAME);
	base_buf_init(&answer->anchors, LIMIT_FRAME);
	fd = admin_connect(config);
	if (fd < 0) {
		return mc_err_last()->code;
	}
	chan = base_chan_new(NULL, fd, NULL, NULL, NULL);
	base_buf_init(&payload, LIMIT_FRAME);
	ret = msg_encode(table, object, &payload);
	if (ret == MC_OK) {
		ret = base_chan_call(chan, type, base_buf_span(&payload), ADMIN_TIMEOUT_MS,
		    on_answer, answer);
	}
	base_buf_clear(&payload);
	base_chan_free(chan);
	return ret;
}
