/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/graph.h"

#include <string.h>

#define FIRST_CAPACITY 64 /* a power of two */

struct slot {
	const char *key; /* NULL: free */
	void *value;
};

struct k8s_index {
	struct base_arena *arena;
	struct slot *slots;
	size_t capacity;
	size_t count;
};

static uint64_t
hash(const char *key)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a: the names are the user's own */

	for (; *key != '\0'; key++) {
		value = (value ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
	}
	return value;
}

static struct slot *
slot_of(struct slot *slots, size_t capacity, const char *key)
{
	size_t i = (size_t)hash(key) & (capacity - 1);

	while (slots[i].key != NULL && strcmp(slots[i].key, key) != 0) {
		i = (i + 1) & (capacity - 1);
	}
	return &slots[i];
}

static void
grow(struct k8s_index *index)
{
	size_t capacity = index->capacity * 2;
	struct slot *slots = base_arena_calloc(index->arena, capacity, sizeof(*slots));

	for (size_t i = 0; i < index->capacity; i++) {
		if (index->slots[i].key != NULL) {
			*slot_of(slots, capacity, index->slots[i].key) = index->slots[i];
		}
	}
	index->slots = slots;
	index->capacity = capacity;
}

struct k8s_index *
k8s_index_new(struct base_arena *arena)
{
	struct k8s_index *index = base_arena_calloc(arena, 1, sizeof(*index));

	index->arena = arena;
	index->capacity = FIRST_CAPACITY;
	index->slots = base_arena_calloc(arena, index->capacity, sizeof(*index->slots));
	return index;
}

void
k8s_index_put(struct k8s_index *index, const char *key, void *value)
{
	struct slot *slot;

	if (index->count >= index->capacity / 2) {
		grow(index);
	}
	slot = slot_of(index->slots, index->capacity, key);
	if (slot->key == NULL) {
		slot->key = key;
		index->count++;
	}
	slot->value = value;
}

void *
k8s_index_get(const struct k8s_index *index, const char *key)
{
	return slot_of(index->slots, index->capacity, key)->value;
}
