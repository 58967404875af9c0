/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "api/authn.h"
#include "api/hash32.h"
#include "base/crypto.h"
#include "base/mem.h"

struct entry {
	struct hash32_node node;
	struct entry *newer;
	struct authn_verdict *verdict;
	int64_t until_at;
};

struct authn_cache {
	struct hash32 table;
	struct entry *oldest, *newest; /* all live equally long: the oldest goes first */
};

struct authn_cache *
authn_cache_new(void)
{
	struct authn_cache *cache = base_xcalloc(1, sizeof(*cache));

	hash32_init(&cache->table);
	return cache;
}

static void
oldest_drop(struct authn_cache *cache)
{
	struct entry *entry = cache->oldest;

	cache->oldest = entry->newer;
	if (cache->oldest == NULL) {
		cache->newest = NULL;
	}
	hash32_remove(&cache->table, &entry->node);
	authn_verdict_unref(entry->verdict);
	free(entry);
}

void
authn_cache_flush(struct authn_cache *cache)
{
	while (cache->oldest != NULL) {
		oldest_drop(cache);
	}
}

void
authn_cache_free(struct authn_cache *cache)
{
	if (cache == NULL) {
		return;
	}
	authn_cache_flush(cache);
	hash32_clear(&cache->table);
	free(cache);
}

void
authn_cache_key(const struct authn_input *in, uint8_t out[32])
{
	/* the lengths of names with their NUL: no two triples give one string */
	struct base_span name = base_span_str(in->env->name);
	struct base_span pieces[] = {{name.ptr, name.len + 1}, in->cluster,
	    base_span_of("\0", 1), in->authorization};

	base_crypto_sha256v(pieces, sizeof(pieces) / sizeof(pieces[0]), out);
}

struct authn_verdict *
authn_cache_get(struct authn_cache *cache, const uint8_t key[32], int64_t now_at)
{
	struct entry *entry;

	while (cache->oldest != NULL && cache->oldest->until_at <= now_at) {
		oldest_drop(cache);
	}
	entry = (struct entry *)hash32_find(&cache->table, key);
	if (entry == NULL || entry->verdict->expires_at <= now_at || entry->until_at <= now_at ||
	    entry->until_at > now_at + LIMIT_TOKEN_CACHE_S) {
		return NULL;
	}
	return authn_verdict_ref(entry->verdict);
}

void
authn_cache_put(struct authn_cache *cache, const uint8_t key[32], struct authn_verdict *verdict,
    int64_t now_at)
{
	struct entry *entry = (struct entry *)hash32_find(&cache->table, key);

	if (entry != NULL) {
		/* two checks of one token ran side by side */
		authn_verdict_ref(verdict);
		authn_verdict_unref(entry->verdict);
		entry->verdict = verdict;
		return;
	}
	if (cache->table.count >= LIMIT_TOKEN_CACHE) {
		oldest_drop(cache);
	}
	entry = base_xcalloc(1, sizeof(*entry));
	base_copy(entry->node.key, key, sizeof(entry->node.key));
	entry->verdict = authn_verdict_ref(verdict);
	entry->until_at = now_at + LIMIT_TOKEN_CACHE_S;
	hash32_add(&cache->table, &entry->node);
	if (cache->newest != NULL) {
		cache->newest->newer = entry;
	} else {
		cache->oldest = entry;
	}
	cache->newest = entry;
}

size_t
authn_cache_count(const struct authn_cache *cache)
{
	return cache->table.count;
}
