/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given back all at once: for trees that are built, read and dropped together.
 * Not for secrets (nothing is wiped) and not for anything that lives as long as a daemon.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

struct base_arena;

/* Gives back everything that was taken from it. NULL is fine. */
void base_arena_free(struct base_arena *arena);
struct base_arena *base_arena_new(void) MC_DEALLOC(base_arena_free);
/* Zeroed room for count objects of this size, aligned for any type; aborts on overflow. Never
 * NULL, also for nothing. */
void *base_arena_calloc(struct base_arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull));
char *base_arena_strdup(struct base_arena *arena, const char *str) __attribute__((returns_nonnull));
char *base_arena_strndup(struct base_arena *arena, const char *str, size_t len)
    __attribute__((returns_nonnull));
char *base_arena_printf(struct base_arena *arena, const char *fmt, ...) MC_PRINTF(2, 3)
    __attribute__((returns_nonnull));
/* Bytes taken so far, for limits and reports. */
size_t base_arena_size(const struct base_arena *arena);

#endif
