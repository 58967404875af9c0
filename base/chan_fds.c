/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chan_int.h"
#include "base/mem.h"

bool
chan_fds_take(struct msghdr *msg, int *fd)
{
	bool ok = (msg->msg_flags & MSG_CTRUNC) == 0;

	*fd = -1;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int one;

			base_copy(&one, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (*fd < 0) {
				*fd = one;
			} else {
				(void)close(one);
				ok = false;
			}
		}
	}
	if (!ok && *fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
	return ok;
}
