/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sqlite_int.h"

void
sq_cache_init(struct sq_cache *cache, size_t count)
{
	cache->slots = base_xcalloc(count, sizeof(*cache->slots));
	cache->count = count;
}

void
sq_cache_clear(struct sq_cache *cache)
{
	for (size_t i = 0; i < cache->count; i++) {
		free(cache->slots[i].text);
		memset(&cache->slots[i], 0, sizeof(cache->slots[i]));
	}
}

void
sq_cache_free(struct sq_cache *cache)
{
	sq_cache_clear(cache);
	free(cache->slots);
	cache->slots = NULL;
	cache->count = 0;
}

static uint64_t
fnv1a(struct base_span text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < text.len; i++) {
		hash = (hash ^ text.ptr[i]) * 0x100000001b3u;
	}
	return hash;
}

static struct sq_slot *
slot_of(struct sq_cache *cache, uint64_t hash)
{
	return &cache->slots[(hash ^ (hash >> 32)) & (cache->count - 1)];
}

static int64_t
cache_get(struct sq_cache *cache, struct base_span text, uint64_t hash)
{
	const struct sq_slot *slot = slot_of(cache, hash);

	if (slot->id != 0 && slot->hash == hash && slot->len == text.len &&
	    (text.len == 0 || memcmp(slot->text, text.ptr, text.len) == 0)) {
		return slot->id;
	}
	return 0;
}

static void
cache_put(struct sq_cache *cache, struct base_span text, uint64_t hash, int64_t id)
{
	struct sq_slot *slot = slot_of(cache, hash);

	free(slot->text);
	slot->text = base_xcalloc(text.len, 1);
	base_copy(slot->text, text.ptr, text.len);
	slot->len = text.len;
	slot->hash = hash;
	slot->id = id;
}

static enum mc_err
name_select(struct sq *sq, struct base_span text, int64_t *id)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_NAME_GET);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt != NULL) {
		sq_bind_text(stmt, 1, text);
		ret = sq_step(sq, stmt, &row);
		*id = row ? sqlite3_column_int64(stmt, 0) : 0;
		sqlite3_reset(stmt);
	}
	return ret;
}

static enum mc_err
text_insert(struct sq *sq, enum sq_stmt which, struct base_span text, int64_t *id)
{
	sqlite3_stmt *stmt = sq_stmt(sq, which);
	enum mc_err ret = MC_ESTORE;

	if (stmt != NULL) {
		sq_bind_text(stmt, 1, text);
		ret = sq_run(sq, stmt);
		*id = sqlite3_last_insert_rowid(sq->db);
	}
	return ret;
}

enum mc_err
sq_name_find(struct sq *sq, struct base_span text, int64_t *id)
{
	uint64_t hash = fnv1a(text);
	enum mc_err ret = MC_OK;

	*id = cache_get(&sq->names, text, hash);
	if (*id == 0) {
		ret = name_select(sq, text, id);
		if (ret == MC_OK && *id != 0) {
			cache_put(&sq->names, text, hash, *id);
		}
	}
	return ret;
}

enum mc_err
sq_name_id(struct sq *sq, struct base_span text, int64_t *id)
{
	enum mc_err ret = sq_name_find(sq, text, id);

	if (ret == MC_OK && *id == 0) {
		ret = text_insert(sq, SQ_NAME_PUT, text, id);
		if (ret == MC_OK) {
			cache_put(&sq->names, text, fnv1a(text), *id);
		}
	}
	return ret;
}

enum mc_err
sq_evidence_id(struct sq *sq, struct base_span text, int64_t *id)
{
	uint64_t hash = fnv1a(text);
	enum mc_err ret = MC_OK;

	/* A text that left the cache is stored again: cheaper than an index over them. */
	*id = cache_get(&sq->evidence, text, hash);
	if (*id == 0) {
		ret = text_insert(sq, SQ_EVIDENCE_PUT, text, id);
		if (ret == MC_OK) {
			cache_put(&sq->evidence, text, hash, *id);
		}
	}
	return ret;
}
