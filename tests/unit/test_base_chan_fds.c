/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors out of real messages: one is taken, more are closed, and so are those of a message cut off. */
#include "base/chan_int.h"
#include "check_main.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 8 /* descriptors that are sent at once */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(MOST * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static unsigned
open_count(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

/* Sends so many copies of a descriptor, and receives them with room for so many bytes of control data. */
static bool
pass(unsigned count, bool credentials, size_t room, int *fd)
{
	union control out = {.bytes = {0}};
	union control in = {.bytes = {0}};
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const int on = 1;
	bool taken;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	if (credentials) {
		ck_assert_int_eq(setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	}
	if (count > 0) {
		struct cmsghdr *cmsg;
		int copies[MOST];

		for (unsigned i = 0; i < count; i++) {
			copies[i] = fds[0];
		}
		msg.msg_control = out.bytes;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), copies, count * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fds[0], &msg, 0), 1);
	msg.msg_control = in.bytes;
	msg.msg_controllen = room;
	ck_assert_int_eq(recvmsg(fds[1], &msg, MSG_CMSG_CLOEXEC), 1);
	*fd = 77;
	taken = chan_fds_take(&msg, fd);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return taken;
}

START_TEST(one_descriptor_is_taken)
{
	unsigned before = open_count();
	int fd;

	ck_assert(pass(1, false, sizeof(union control), &fd));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	(void)close(fd);
	ck_assert_uint_eq(open_count(), before);
}
END_TEST

START_TEST(a_message_without_one_has_none)
{
	unsigned before = open_count();
	int fd;

	ck_assert(pass(0, false, sizeof(union control), &fd));
	ck_assert_int_eq(fd, -1);
	/* other control data is not looked at, also beside a descriptor */
	ck_assert(pass(0, true, sizeof(union control), &fd));
	ck_assert_int_eq(fd, -1);
	ck_assert(pass(1, true, sizeof(union control), &fd));
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_uint_eq(open_count(), before);
}
END_TEST

START_TEST(several_are_all_closed)
{
	unsigned before = open_count();
	int fd;

	for (unsigned count = 2; count <= MOST; count++) {
		ck_assert(!pass(count, false, sizeof(union control), &fd));
		ck_assert_int_eq(fd, -1);
		ck_assert_uint_eq(open_count(), before);
	}
}
END_TEST

/* The kernel gives as many as there is room for, and says that some are missing. */
START_TEST(what_was_cut_off_is_refused_whole)
{
	unsigned before = open_count();
	int fd;

	ck_assert(!pass(3, false, CMSG_LEN(sizeof(int)), &fd));
	ck_assert_int_eq(fd, -1);
	ck_assert(!pass(1, false, 0, &fd));
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(open_count(), before);
}
END_TEST

CHECK_MAIN("base_chan_fds", one_descriptor_is_taken, a_message_without_one_has_none, several_are_all_closed,
    what_was_cut_off_is_refused_whole)
