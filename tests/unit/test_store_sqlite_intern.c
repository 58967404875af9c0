/* SPDX-License-Identifier: Apache-2.0 */
/* Shared texts: one number for each, however often its place in the cache is taken. */
#include "store/sqlite_int.h"
#include "store_fixture.h"

#include "check_main.h"

static struct fix fix;
static struct sq *sq;

static void
start(size_t slots)
{
	fix_start(&fix);
	sq = sq_of(fix.store);
	sq_cache_free(&sq->names);
	sq_cache_free(&sq->evidence);
	sq_cache_init(&sq->names, slots);
	sq_cache_init(&sq->evidence, slots);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
}

static void
end(void)
{
	ck_assert_int_eq(store_commit(fix.store), MC_OK);
	fix_end(&fix);
}

static int64_t
name_id(struct base_span text)
{
	int64_t id = 0;

	ck_assert_int_eq(sq_name_id(sq, text, &id), MC_OK);
	ck_assert_int_gt(id, 0);
	return id;
}

static int64_t
evidence_id(struct base_span text)
{
	int64_t id = 0;

	ck_assert_int_eq(sq_evidence_id(sq, text, &id), MC_OK);
	ck_assert_int_gt(id, 0);
	return id;
}

/* With one slot every text pushes out the one before; with many, most stay. */
START_TEST(a_name_keeps_its_number)
{
	static const size_t SLOTS[] = { 1, 2, 256 };
	int64_t ids[100];
	char text[16];

	for (size_t s = 0; s < sizeof(SLOTS) / sizeof(SLOTS[0]); s++) {
		start(SLOTS[s]);
		for (unsigned i = 0; i < 300; i++) {
			int64_t id;

			(void)snprintf(text, sizeof(text), "name-%u", i % 100);
			id = name_id(base_span_str(text));
			ck_assert(i < 100 || ids[i % 100] == id);
			ids[i % 100] = id;
		}
		for (unsigned i = 1; i < 100; i++) {
			ck_assert_int_ne(ids[i - 1], ids[i]);
		}
		end();
	}
}
END_TEST

START_TEST(texts_that_resemble_each_other_are_others)
{
	const struct base_span texts[] = { base_span_of(NULL, 0), base_span_str("a"),
		base_span_str("ab"), base_span_str("A"), base_span_str("a "),
		base_span_str("b") };
	int64_t ids[6];

	start(1);
	for (unsigned i = 0; i < 6; i++) {
		ids[i] = name_id(texts[i]);
		for (unsigned k = 0; k < i; k++) {
			ck_assert_int_ne(ids[i], ids[k]);
		}
		ck_assert_int_eq(name_id(texts[i]), ids[i]); /* from the slot */
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(name_id(texts[i]), ids[i]); /* from the table */
	}
	end();
}
END_TEST

/* Two texts in one slot under one hash value: the text decides, also when the one begins with the other. */
START_TEST(a_hash_alone_is_nobody)
{
	static const char *const OTHERS[] = { "other", "firs", "first of all" };
	const struct base_span first = base_span_str("first");

	for (unsigned i = 0; i < 3; i++) {
		uint64_t hash;
		int64_t id;

		start(1);
		(void)name_id(base_span_str(OTHERS[i]));
		hash = sq->names.slots[0].hash;
		id = name_id(first);
		sq->names.slots[0].hash = hash; /* as if "first" had the other's */
		ck_assert_int_ne(name_id(base_span_str(OTHERS[i])), id);
		end();
	}
}
END_TEST

START_TEST(looking_makes_no_name)
{
	int64_t made;
	int64_t id = 77;

	start(1);
	ck_assert_int_eq(sq_name_find(sq, base_span_str("nobody"), &id), MC_OK);
	ck_assert_int_eq(id, 0);
	made = name_id(base_span_str("nobody"));
	sq_cache_clear(&sq->names);
	ck_assert_int_eq(sq_name_find(sq, base_span_str("nobody"), &id), MC_OK);
	/* but what it found is remembered */
	ck_assert_int_eq(id, made);
	ck_assert_int_eq(sq->names.slots[0].id, id);
	end();
}
END_TEST

/* The row is gone with the transaction, so its number may become another's. */
START_TEST(a_rollback_forgets_the_numbers_it_took_back)
{
	struct base_span bytes;
	sqlite3_stmt *stmt;
	int64_t id;
	bool row;

	start(256);
	(void)name_id(base_span_str("lost"));
	(void)evidence_id(base_span_str("lost too"));
	store_rollback(fix.store);
	ck_assert_int_eq(store_begin(fix.store), MC_OK);
	id = name_id(base_span_str("kept"));
	ck_assert_int_ne(name_id(base_span_str("lost")), id);
	id = evidence_id(base_span_str("kept too"));
	ck_assert_int_ne(evidence_id(base_span_str("lost too")), id);
	ck_assert_int_eq(sqlite3_prepare_v2(sq->db, "SELECT text FROM evidence WHERE id = ?1", -1, &stmt,
	                     NULL),
	    SQLITE_OK);
	sq_bind_u64(stmt, 1, (uint64_t)id);
	ck_assert_int_eq(sq_step(sq, stmt, &row), MC_OK);
	ck_assert(row);
	bytes = sq_col_span(stmt, 0);
	ck_assert(base_span_equal_str(bytes, "kept too"));
	(void)sqlite3_finalize(stmt);
	end();
}
END_TEST

/* No index: the same row while it is in the cache, then another with the same text. */
START_TEST(evidence_is_shared_while_it_is_remembered)
{
	int64_t first, second;

	start(1);
	first = evidence_id(base_span_str("{\"pod\":\"a\"}"));
	ck_assert_int_eq(evidence_id(base_span_str("{\"pod\":\"a\"}")), first);
	second = evidence_id(base_span_str("{\"pod\":\"b\"}"));
	ck_assert_int_ne(first, second);
	ck_assert_int_gt(evidence_id(base_span_str("{\"pod\":\"a\"}")), second);
	end();
}
END_TEST

CHECK_MAIN("store_sqlite_intern", a_name_keeps_its_number, texts_that_resemble_each_other_are_others,
    a_hash_alone_is_nobody, looking_makes_no_name, a_rollback_forgets_the_numbers_it_took_back,
    evidence_is_shared_while_it_is_remembered)
