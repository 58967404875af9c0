/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_loop.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "base/mem.h"

struct http_loop {
	struct base_loop *loop;
	struct MHD_Daemon *daemon;
	struct base_timer *timer;
	int epoll_fd;
};

static void
run(struct http_loop *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	(void)MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES) {
		if (wait_ms > 60000) {
			wait_ms = 60000;
		}
		base_timer_set_us(http->timer, (int64_t)wait_ms * 1000);
	} else {
		base_timer_stop(http->timer);
	}
}

static void
on_readable(void *self, unsigned events)
{
	(void)events;
	run(self);
}

static void
on_timer(void *self)
{
	run(self);
}

void
http_loop_free(struct http_loop *http)
{
	if (http == NULL) {
		return;
	}
	base_loop_unwatch(http->loop, http->epoll_fd);
	base_timer_free(http->timer);
	MHD_stop_daemon(http->daemon);
	free(http);
}

struct http_loop *
http_loop_new(struct base_loop *loop, struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct http_loop *http;

	if (info == NULL || info->epoll_fd < 0) {
		(void)MC_FAIL(MC_EIO, "libmicrohttpd has no epoll descriptor");
		return NULL;
	}
	http = base_xcalloc(1, sizeof(*http));
	http->loop = loop;
	http->daemon = daemon;
	http->epoll_fd = info->epoll_fd;
	http->timer = base_timer_new(loop, on_timer, http);
	base_loop_watch(loop, http->epoll_fd, BASE_LOOP_READ, on_readable, http);
	return http;
}

void
http_loop_kick(struct http_loop *http)
{
	base_timer_set_us(http->timer, 0);
}
