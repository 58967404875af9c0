/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file beside the database that holds room on the disk. Given up step by step when a write that
 * must not be refused finds none; made whole again when there is room. One thread at a time.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What one failed write gets at most: others on the same disk can take no more of it than that. */
#define RESERVE_STEP (1024 * 1024)

struct reserve;

void reserve_close(struct reserve *reserve);
/* Opens or makes <path>.reserve (mode 0600), to be `want` bytes; takes no room yet. NULL with MC_EIO. */
struct reserve *reserve_open(const char *path, uint64_t want) MC_DEALLOC(reserve_close);
/* Bytes that the file does not hold now; 0 also when the file system refuses to reserve at all. */
uint64_t reserve_missing(const struct reserve *reserve);
/* Takes what is missing, and syncs. Returns MC_OK, MC_ENOSPACE (it gave back what it had taken), MC_EIO. */
enum mc_err reserve_fill(struct reserve *reserve) MC_MUST_CHECK;
/* Gives up to RESERVE_STEP bytes back to the disk. Returns false when there is nothing left. */
bool reserve_give(struct reserve *reserve);

#endif
