/* SPDX-License-Identifier: Apache-2.0 */
#include "api/hash32.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUCKETS_MIN 64

static size_t
bucket_of(const struct hash32 *table, const uint8_t key[32])
{
	uint64_t word;

	base_copy(&word, key, sizeof(word));
	return (size_t)word & (table->bucket_count - 1);
}

void
hash32_init(struct hash32 *table)
{
	table->bucket_count = BUCKETS_MIN;
	table->buckets = base_xcalloc(BUCKETS_MIN, sizeof(*table->buckets));
	table->count = 0;
}

void
hash32_clear(struct hash32 *table)
{
	free(table->buckets);
	table->buckets = NULL;
	table->bucket_count = 0;
	table->count = 0;
}

struct hash32_node *
hash32_find(const struct hash32 *table, const uint8_t key[32])
{
	struct hash32_node *node = table->buckets[bucket_of(table, key)];

	while (node != NULL && memcmp(node->key, key, sizeof(node->key)) != 0) {
		node = node->next;
	}
	return node;
}

static void
grow(struct hash32 *table)
{
	struct hash32 bigger = {.bucket_count = table->bucket_count * 2};

	bigger.buckets = base_xcalloc(bigger.bucket_count, sizeof(*bigger.buckets));
	for (size_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i] != NULL) {
			struct hash32_node *node = table->buckets[i];

			table->buckets[i] = node->next;
			hash32_add(&bigger, node);
		}
	}
	free(table->buckets);
	*table = bigger;
}

void
hash32_add(struct hash32 *table, struct hash32_node *node)
{
	struct hash32_node **bucket;

	if (table->count >= table->bucket_count) {
		grow(table);
	}
	bucket = &table->buckets[bucket_of(table, node->key)];
	node->next = *bucket;
	*bucket = node;
	table->count++;
}

void
hash32_remove(struct hash32 *table, struct hash32_node *node)
{
	struct hash32_node **link = &table->buckets[bucket_of(table, node->key)];

	while (*link != NULL && *link != node) {
		link = &(*link)->next;
	}
	if (*link == node) {
		*link = node->next;
		table->count--;
	}
}
