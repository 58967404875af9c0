/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_FIRST ((size_t)8 * 1024)    /* a small document fits */
#define CHUNK_LARGEST ((size_t)1024 * 1024) /* what is left unused at the end stays below this */

struct chunk {
	struct chunk *next;
	size_t used;
	size_t cap;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct base_arena {
	struct chunk *head; /* the one that still has room; the others are behind it */
	size_t next_cap;
	size_t size;
};

struct base_arena *
base_arena_new(void)
{
	struct base_arena *arena = base_xcalloc(1, sizeof(*arena));

	arena->next_cap = CHUNK_FIRST;
	return arena;
}

void
base_arena_free(struct base_arena *arena)
{
	if (arena == NULL) {
		return;
	}
	for (struct chunk *chunk = arena->head; chunk != NULL;) {
		struct chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	free(arena);
}

static struct chunk *
chunk_new(size_t cap)
{
	/* calloc: everything that is taken is zeroed */
	struct chunk *chunk = base_xcalloc(1, sizeof(*chunk) + cap);

	chunk->cap = cap;
	return chunk;
}

/* A chunk with room for len bytes at this alignment. What is larger than half a chunk gets one
 * of its own, behind the head, so that the head's room is not lost. */
static struct chunk *
chunk_for(struct base_arena *arena, size_t len, size_t align)
{
	struct chunk *chunk = arena->head;

	if (chunk != NULL) {
		size_t at = (chunk->used + align - 1) & ~(align - 1);

		if (at <= chunk->cap && len <= chunk->cap - at) {
			chunk->used = at;
			return chunk;
		}
	}
	if (len > arena->next_cap / 2) {
		struct chunk *own = chunk_new(len);

		if (chunk == NULL) {
			arena->head = own;
		} else {
			own->next = chunk->next;
			chunk->next = own;
		}
		return own;
	}
	chunk = chunk_new(arena->next_cap);
	chunk->next = arena->head;
	arena->head = chunk;
	if (arena->next_cap < CHUNK_LARGEST) {
		arena->next_cap *= 2;
	}
	return chunk;
}

static void *
take(struct base_arena *arena, size_t len, size_t align)
{
	struct chunk *chunk = chunk_for(arena, len, align);
	void *ptr = chunk->bytes + chunk->used;

	chunk->used += len;
	arena->size += len;
	return ptr;
}

void *
base_arena_calloc(struct base_arena *arena, size_t count, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow(count, size, &len) || len > SIZE_MAX / 4) {
		abort();
	}
	return take(arena, len == 0 ? 1 : len, _Alignof(max_align_t));
}

char *
base_arena_strndup(struct base_arena *arena, const char *str, size_t len)
{
	size_t have = strnlen(str, len);
	char *copy = take(arena, have + 1, 1);

	base_copy(copy, str, have);
	return copy;
}

char *
base_arena_strdup(struct base_arena *arena, const char *str)
{
	return base_arena_strndup(arena, str, strlen(str));
}

char *
base_arena_printf(struct base_arena *arena, const char *fmt, ...)
{
	va_list args;
	char *str;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0) {
		abort();
	}
	str = take(arena, (size_t)len + 1, 1);
	va_start(args, fmt);
	(void)vsnprintf(str, (size_t)len + 1, fmt, args);
	va_end(args);
	return str;
}

size_t
base_arena_size(const struct base_arena *arena)
{
	return arena->size;
}
