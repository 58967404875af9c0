/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nghttp2 keeps a buffer of 16 KiB per session, in which it puts together one frame at a time. Ten
 * thousand agents that say something twice a day would hold 160 MiB with them. That one block gets a
 * mapping of its own, whose pages go back to the kernel while a connection is idle; between frames
 * nothing in it is read again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api/h2_int.h"
#include "base/mem.h"

#define FRAME_MIN 16384 /* RFC 9113 4.2: the least largest frame; no other block of a new session is as big */

static void *
block_new(size_t size, void *user)
{
	struct h2_conn *conn = user;
	void *block;

	if (size < FRAME_MIN || conn->frames != NULL) {
		return malloc(size);
	}
	block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED) {
		return NULL;
	}
	conn->frames = block;
	conn->frames_size = size;
	return block;
}

static void
block_free(void *block, void *user)
{
	struct h2_conn *conn = user;

	if (block == NULL || block != conn->frames) {
		free(block);
		return;
	}
	(void)munmap(block, conn->frames_size);
	conn->frames = NULL;
}

static void *
block_zeroed(size_t count, size_t size, void *user)
{
	(void)user;
	return calloc(count, size);
}

static void *
block_resize(void *block, size_t size, void *user)
{
	struct h2_conn *conn = user;
	void *fresh;

	if (block == NULL) {
		return block_new(size, user); /* how nghttp2 gets its buffers */
	}
	if (block != conn->frames) {
		return realloc(block, size);
	}
	fresh = malloc(size);
	if (fresh != NULL) {
		base_copy(fresh, block, size < conn->frames_size ? size : conn->frames_size);
		block_free(block, conn);
	}
	return fresh;
}

nghttp2_mem
h2_mem_of(struct h2_conn *conn)
{
	return (nghttp2_mem){.mem_user_data = conn, .malloc = block_new, .free = block_free,
	    .calloc = block_zeroed, .realloc = block_resize};
}

void
h2_mem_release(struct h2_conn *conn)
{
	if (conn->frames != NULL && conn->frames_used &&
	    nghttp2_session_want_write(conn->session) == 0) {
		(void)madvise(conn->frames, conn->frames_size, MADV_DONTNEED);
		conn->frames_used = false;
	}
}
