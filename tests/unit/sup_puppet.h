/* SPDX-License-Identifier: Apache-2.0 */
/* What a puppet (sup_puppet.c) tells the test that started it, and where. */
#ifndef TESTS_SUP_PUPPET_H
#define TESTS_SUP_PUPPET_H

#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* One SEQPACKET, with the control channel beside it. What comes back: one byte, an order. */
struct puppet_greeting {
	pid_t pid;
	char program[32];
	char label[80]; /* empty: it was started without one */
};

#define PUPPET_STAY 's' /* do not end when hung up on */
#define PUPPET_END  'e' /* end with status 3 */

/* The abstract address of the test with this process id. Returns its length. */
static inline socklen_t
puppet_address(struct sockaddr_un *address, pid_t test)
{
	int len;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "meshca-puppets-%d",
	    (int)test);
	return (socklen_t)(sizeof(address->sun_family) + 1 + (size_t)len);
}

#endif
