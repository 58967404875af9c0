/* SPDX-License-Identifier: Apache-2.0 */
/* A plain HTTP client on the test's own thread, beside the loop that answers it. */
#ifndef TESTS_HTTP_ASK_H
#define TESTS_HTTP_ASK_H

#include "tests/unit/tls_world.h"

#define HTTP_ASK_MAX (256 * 1024)

struct http_answer {
	int status;  /* 0: the server closed without one */
	char head[4096];
	char *body;  /* to be freed */
	size_t body_len;
};

/* Sends the request on a connection of its own, which it asks to close, and reads to the end. */
static inline struct http_answer
http_ask(struct base_loop *loop, uint16_t port, const char *method, const char *path)
{
	static char text[HTTP_ASK_MAX];
	struct http_answer answer = {0};
	char *request = base_xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	    method, path);
	int fd = tls_world_connect(port);
	int64_t until_us = base_clock_boot_us() + TLS_WORLD_WAIT_US;
	bool sent = false;
	size_t at = 0;
	char *body;

	for (;;) {
		ssize_t n = sent ? read(fd, text + at, sizeof(text) - 1 - at) :
		    send(fd, request, strlen(request), MSG_NOSIGNAL);

		if (n > 0 && !sent) {
			sent = true;
		} else if (n > 0) {
			at += (size_t)n;
		} else if (n == 0 || (errno != EAGAIN && errno != ENOTCONN)) {
			break;
		}
		base_loop_turn(loop, 5);
		ck_assert_msg(base_clock_boot_us() < until_us, "no answer to %s", path);
	}
	close(fd);
	free(request);
	text[at] = '\0';
	body = strstr(text, "\r\n\r\n");
	if (body != NULL && strncmp(text, "HTTP/1.1 ", 9) == 0) {
		answer.status = (int)strtol(text + 9, NULL, 10);
		*body = '\0';
		base_span_copy_str(base_span_str(text), answer.head, sizeof(answer.head));
		answer.body_len = at - (size_t)(body + 4 - text);
		answer.body = base_xstrndup(body + 4, answer.body_len);
	}
	return answer;
}

#endif
