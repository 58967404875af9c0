/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a role: it dies by SIGKILL at one exact place, the nth passing of a call that the file of
 * KILL_POINT names. So a kill falls between two steps of one certificate without a hook in the product. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { CALL_NONE = 0, CALL_SEND = 1, CALL_RECEIVE = 2, CALL_SYNC = 3 };

struct point {
	_Atomic int32_t call;
	_Atomic int32_t after; /* 0: before the call is made, 1: when it has succeeded */
	_Atomic int32_t left;  /* passings; the one that makes it 0 dies */
};

static struct point *point;

__attribute__((constructor)) static void
open_point(void)
{
	const char *path = getenv("KILL_POINT");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(*point), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
	    MAP_FAILED;

	if (map != MAP_FAILED) {
		point = map;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void
pass(enum call call, int32_t after)
{
	if (point != NULL && point->call == (int32_t)call && point->after == after &&
	    atomic_fetch_sub(&point->left, 1) == 1) {
		point->call = CALL_NONE;
		(void)kill(getpid(), SIGKILL);
		for (;;) {
			(void)pause();
		}
	}
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t ret;

	pass(CALL_SEND, 0);
	ret = syscall(SYS_sendmsg, fd, msg, flags);
	if (ret > 0) {
		pass(CALL_SEND, 1);
	}
	return ret;
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t ret = syscall(SYS_recvmsg, fd, msg, flags);

	if (ret > 0) {
		pass(CALL_RECEIVE, 1);
	}
	return ret;
}

static int
sync_through(long number, int fd)
{
	int ret;

	pass(CALL_SYNC, 0);
	ret = (int)syscall(number, fd);
	if (ret == 0) {
		pass(CALL_SYNC, 1);
	}
	return ret;
}

int
fdatasync(int fd)
{
	return sync_through(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return sync_through(SYS_fsync, fd);
}
