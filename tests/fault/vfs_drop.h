/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite VFS over the real files that can lose power: of what was written and not synced, each
 * 512-byte sector is kept or lost by a coin of its own. It can also fail the n-th write or
 * sync, or report a full disk.
 */
#ifndef TESTS_VFS_DROP_H
#define TESTS_VFS_DROP_H

#include <stdbool.h>
#include <stdint.h>

enum vfs_drop_fault {
	VFS_DROP_NONE = 0,
	VFS_DROP_POWER,     /* from here on nothing works */
	VFS_DROP_IO,        /* this one fails */
	VFS_DROP_FULL       /* this one and all later writes find no room, until reset */
};

/* Registers the VFS once; returns its name. */
const char *vfs_drop_name(void);
/* Works again, with no fault planned. seed decides the coins of the next power loss. */
void vfs_drop_reset(uint32_t seed);
/* Until the next reset no sync keeps anything, and each says that it did. */
void vfs_drop_lie(void);
/* The n-th write (or sync) from now on meets the fault. 0: none. */
void vfs_drop_at_write(uint64_t n, enum vfs_drop_fault fault);
void vfs_drop_at_sync(uint64_t n, enum vfs_drop_fault fault);
/* A disk that is full to the last byte but for what the file at path holds: every write finds no room
 * until the file gets shorter. NULL: the disk has room. */
void vfs_drop_full_beside(const char *path);
/* Writes and syncs since the last reset. */
uint64_t vfs_drop_writes(void);
uint64_t vfs_drop_syncs(void);
/* After all handles are closed: makes the files what a disk would show after the loss. */
void vfs_drop_lose(void);

#endif
