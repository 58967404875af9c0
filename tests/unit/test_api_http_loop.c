/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd on our own loop: sockets, its time-outs, and work that no descriptor tells of. */
#include "api/http_loop.h"

#include <microhttpd.h>

#include "tests/unit/http_ask.h"

static struct base_loop *loop;
static struct MHD_Daemon *daemon_;
static struct http_loop *http;
static uint16_t port;
static struct MHD_Connection *suspended;
static bool suspend;
static unsigned requests;

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_len, void **request)
{
	struct MHD_Response *response;
	enum MHD_Result ret;

	(void)cls;
	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	(void)upload_len;
	if (suspend && *request == NULL) {
		*request = connection;
		suspended = connection;
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
	requests++;
	response = MHD_create_response_from_buffer(2, (void *)(uintptr_t)"ok", MHD_RESPMEM_PERSISTENT);
	ret = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return ret;
}

static void
begin(unsigned flags, unsigned idle_s)
{
	loop = base_loop_new();
	suspend = false;
	suspended = NULL;
	requests = 0;
	daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | flags, 0, NULL, NULL,
	    on_request, NULL, MHD_OPTION_LISTEN_SOCKET, tls_world_listen(&port),
	    MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_END);
	ck_assert_ptr_nonnull(daemon_);
	http = http_loop_new(loop, daemon_);
	ck_assert_ptr_nonnull(http);
}

static void
end(void)
{
	http_loop_free(http);
	base_loop_free(loop);
}

START_TEST(requests_are_answered)
{
	struct http_answer answer;

	begin(0, 10);
	for (unsigned i = 1; i <= 3; i++) {
		answer = http_ask(loop, port, "GET", "/");
		ck_assert_int_eq(answer.status, 200);
		ck_assert_str_eq(answer.body, "ok");
		ck_assert_uint_eq(requests, i);
		free(answer.body);
	}
	end();
	/* its socket is gone with it */
	int fd = tls_world_connect(port);
	char byte;
	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
}
END_TEST

/* The library's own time-outs need a timer: no descriptor is ready then. */
START_TEST(silent_clients_are_timed_out)
{
	int64_t begin_us;
	int fd;
	char byte;

	begin(0, 1);
	fd = tls_world_connect(port);
	begin_us = base_clock_boot_us();
	while (read(fd, &byte, 1) < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
		base_loop_turn(loop, -1); /* woken by nothing but that timer */
		ck_assert_int_lt(base_clock_boot_us() - begin_us, 5000000);
	}
	ck_assert_int_gt(base_clock_boot_us() - begin_us, 900000);
	close(fd);
	end();
}
END_TEST

START_TEST(a_kick_runs_what_was_resumed)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char text[256];
	int fd;

	begin(0, 60);
	suspend = true;
	fd = tls_world_connect(port);
	TLS_WORLD_UNTIL(loop, send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
	TLS_WORLD_UNTIL(loop, suspended != NULL);
	tls_world_settle(loop);
	ck_assert_uint_eq(requests, 0);
	suspend = false;
	MHD_resume_connection(suspended);
	http_loop_kick(http);
	ck_assert_uint_eq(requests, 0); /* never from inside the call */
	base_loop_turn(loop, 0);
	base_loop_turn(loop, 0);
	ck_assert_uint_eq(requests, 1);
	TLS_WORLD_UNTIL(loop, read(fd, text, sizeof(text)) > 0);
	close(fd);
	end();
}
END_TEST

START_TEST(a_daemon_without_epoll_stays_the_callers)
{
	struct MHD_Daemon *other;

	loop = base_loop_new();
	other = MHD_start_daemon(0, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET,
	    tls_world_listen(&port), MHD_OPTION_END);
	ck_assert_ptr_nonnull(other);
	ck_assert_ptr_null(http_loop_new(loop, other));
	ck_assert_int_eq(mc_err_last()->code, MC_EIO);
	MHD_stop_daemon(other);
	http_loop_free(NULL);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("api_http_loop", requests_are_answered, silent_clients_are_timed_out,
    a_kick_runs_what_was_resumed, a_daemon_without_epoll_stays_the_callers)
