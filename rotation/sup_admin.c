/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket: root, or the daemon's own user, may connect; sup_order.c carries out what they order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "rotation/sup.h"

struct client {
	struct sup_admin *admin;
	struct base_chan *chan; /* NULL: a free slot */
	uint64_t id;            /* answers find their client by it: a slot may be reused */
	uid_t uid;
};

struct sup_admin {
	struct sup *sup;
	int fd;
	char *path;
	struct client clients[SUP_ADMIN_CLIENTS];
	uint64_t next_id;
};

void
sup_admin_answer(const struct sup_asking *asking, uint16_t flags, const struct msg_adm_ans *ans)
{
	struct base_chan *chan = NULL;

	for (size_t i = 0; i < SUP_ADMIN_CLIENTS; i++) {
		if (asking->admin->clients[i].id == asking->client) {
			chan = asking->admin->clients[i].chan;
		}
	}
	if (chan != NULL && msg_send(chan, MSG_ANSWER(asking->type), flags, asking->corr,
				&msg_adm_ans_table, ans) != MC_OK) {
		base_log_err(LOG_LVL_WARN, "admin-answer-not-sent", mc_err_last()->code);
	}
}

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct client *client = self;
	struct sup_asking asking = {.sup = client->admin->sup, .admin = client->admin,
	    .client = client->id, .corr = item->corr, .type = item->type, .uid = client->uid};

	(void)chan;
	if (item->fd >= 0) {
		(void)close(item->fd);
		return MC_FAIL(MC_EFRAME, "a descriptor on the local socket");
	}
	if (item->type == MSG_HELLO) {
		return MC_OK; /* who it is was asked of the kernel */
	}
	return sup_order(&asking, item);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct client *client = self;

	if (why != MC_EPEER) {
		base_log_err(LOG_LVL_WARN, "admin-client-dropped", why);
	}
	base_chan_free(chan);
	client->chan = NULL;
	client->id = 0;
}

static bool
may_order(int fd, uid_t *uid)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		return false;
	}
	*uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void
on_connection(void *self, unsigned events)
{
	struct sup_admin *admin = self;
	int fd = accept4(admin->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid = 0;

	(void)events;
	if (fd < 0) {
		return;
	}
	if (!may_order(fd, &uid)) {
		base_log(LOG_LVL_WARN, "admin-client-refused", LOG_INT("uid", uid), LOG_END);
		(void)close(fd);
		return;
	}
	for (size_t i = 0; i < SUP_ADMIN_CLIENTS; i++) {
		struct client *client = &admin->clients[i];

		if (client->chan == NULL) {
			*client = (struct client){.admin = admin, .id = ++admin->next_id, .uid = uid};
			client->chan =
			    base_chan_new(admin->sup->loop, fd, on_item, on_gone, client);
			return;
		}
	}
	base_log(LOG_LVL_WARN, "admin-client-refused", LOG_STR("detail", "too many"), LOG_END);
	(void)close(fd);
}

static enum mc_err
open_socket(struct sup_admin *admin)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(admin->path);
	mode_t mask;
	int failed;

	if (len >= sizeof(address.sun_path)) {
		return MC_FAIL(MC_ECONFIG, "%s is longer than a socket's path may be (107); choose a "
		    "shorter run_dir", admin->path);
	}
	base_copy(address.sun_path, admin->path, len);
	admin->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (admin->fd < 0) {
		return MC_FAIL(MC_EIO, "socket: %s", strerrorname_np(errno));
	}
	/* one daemon at a time holds the state's lock, so what is there is a dead one's */
	(void)unlink(admin->path);
	mask = umask(0177);
	failed = bind(admin->fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (failed != 0 || listen(admin->fd, SUP_ADMIN_CLIENTS) != 0) {
		return MC_FAIL(MC_EIO, "%s: %s; check who owns run_dir", admin->path,
		    strerror(errno));
	}
	return MC_OK;
}

struct sup_admin *
sup_admin_new(struct sup *sup)
{
	struct sup_admin *admin = base_xcalloc(1, sizeof(*admin));

	admin->sup = sup;
	admin->fd = -1;
	admin->path = base_xasprintf("%s/admin.sock", sup->config->run_dir);
	if (open_socket(admin) != MC_OK) {
		if (admin->fd >= 0) {
			(void)close(admin->fd);
		}
		free(admin->path);
		free(admin);
		return NULL;
	}
	base_loop_watch(sup->loop, admin->fd, BASE_LOOP_READ, on_connection, admin);
	return admin;
}

void
sup_admin_free(struct sup_admin *admin)
{
	if (admin == NULL) {
		return;
	}
	for (size_t i = 0; i < SUP_ADMIN_CLIENTS; i++) {
		base_chan_free(admin->clients[i].chan);
	}
	base_loop_unwatch(admin->sup->loop, admin->fd);
	(void)close(admin->fd);
	(void)unlink(admin->path);
	free(admin->path);
	free(admin);
}
