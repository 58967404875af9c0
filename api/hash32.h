/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of objects by 32 random-looking bytes (hashes: nobody chooses their buckets). The node is the
 * first member of the caller's object, which the caller owns.
 */
#ifndef API_HASH32_H
#define API_HASH32_H

#include <stddef.h>
#include <stdint.h>

struct hash32_node {
	struct hash32_node *next;
	uint8_t key[32];
};

struct hash32 {
	struct hash32_node **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

void hash32_init(struct hash32 *table);
/* Forgets the nodes; releases the table's own memory. */
void hash32_clear(struct hash32 *table);
/* NULL when there is none. */
struct hash32_node *hash32_find(const struct hash32 *table, const uint8_t key[32]);
/* node->key is set, and not in the table. */
void hash32_add(struct hash32 *table, struct hash32_node *node);
void hash32_remove(struct hash32 *table, struct hash32_node *node);

#endif
