/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every role program of the supervisor's tests: a process that gives its control channel to the test, which
 * says what a role would say. It ends when the supervisor hangs up, as a role does, or as the test orders.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "tests/unit/sup_puppet.h"

static int
greet(const struct puppet_greeting *greeting)
{
	struct iovec iov = {(void *)(uintptr_t)greeting, sizeof(*greeting)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int ctl = BASE_PROC_CTL_FD;
	struct sockaddr_un address;
	socklen_t len = puppet_address(&address, getppid());
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(ctl));
	memcpy(CMSG_DATA(cmsg), &ctl, sizeof(ctl));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, len) != 0 ||
	    sendmsg(fd, &msg, 0) != (ssize_t)sizeof(*greeting)) {
		_exit(4);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	struct puppet_greeting greeting = {.pid = getpid()};
	struct pollfd ends[2] = {{.fd = BASE_PROC_CTL_FD}, {.events = POLLIN}};
	char order = '\0';

	(void)snprintf(greeting.program, sizeof(greeting.program), "%s", argv[0]);
	(void)snprintf(greeting.label, sizeof(greeting.label), "%s", argc > 1 ? argv[1] : "");
	ends[1].fd = greet(&greeting);
	for (;;) {
		if (poll(ends, 2, -1) < 0) {
			return 5;
		}
		if (ends[1].revents != 0 && recv(ends[1].fd, &order, 1, 0) <= 0) {
			return 0; /* the test has ended */
		}
		if (order == PUPPET_END) {
			return 3;
		}
		if (order == PUPPET_STAY) {
			ends[0].fd = -1;
		}
		/* last: an order that was sent before the supervisor hung up came before */
		if (ends[0].fd >= 0 && ends[0].revents != 0) {
			return 0;
		}
	}
}
