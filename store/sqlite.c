/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite driver: opening, statements, transactions, checkpoints. */
#include "store/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_SLOTS 32768   /* 10,000 agents have 20,000 names */
#define EVIDENCE_SLOTS 32768 /* of 1,000 texts, 30 share a slot and push each other out */
#define SMALL_SLOTS 256    /* a reader looks up filters only */
#define BUSY_MS 2000       /* a checkpoint or migration is in the way for less */
/* Bytes of log file that stay after a reset: more than is written before it is moved. A commit that grows the
 * file waits for the file system's journal too. */
#define WAL_KEEP "67108864"

struct sq *
sq_of(struct store *store)
{
	return (struct sq *)(void *)store;
}

enum mc_err
sq_fail(struct sq *sq, int rc, const char *what)
{
	enum mc_err code = MC_ESTORE;

	/* The log's index (SHMSIZE) is no durable data: to try again is safe. */
	if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE ||
	    ((rc & 0xff) == SQLITE_IOERR && sq->db != NULL &&
	        sqlite3_system_errno(sq->db) == ENOSPC)) {
		code = MC_ENOSPACE;
	}
	return MC_FAIL(code, "%s: %s (%d)", what,
	    sq->db != NULL ? sqlite3_errmsg(sq->db) : sqlite3_errstr(rc), rc);
}

sqlite3_stmt *
sq_stmt(struct sq *sq, enum sq_stmt which)
{
	sqlite3_stmt *stmt = sq->stmts[which];
	int rc;

	if (stmt == NULL) {
		rc = sqlite3_prepare_v3(sq->db, sq_sql(which), -1, SQLITE_PREPARE_PERSISTENT,
		    &stmt, NULL);
		if (rc != SQLITE_OK) {
			(void)sq_fail(sq, rc, "prepare");
			return NULL;
		}
		sq->stmts[which] = stmt;
	}
	/* Its result repeats the last step's, which was reported then. */
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return stmt;
}

enum mc_err
sq_step(struct sq *sq, sqlite3_stmt *stmt, bool *row)
{
	int rc = sqlite3_step(stmt);
	enum mc_err ret = MC_OK;

	*row = rc == SQLITE_ROW;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		ret = sq_fail(sq, rc, "step");
	}
	if (rc != SQLITE_ROW) {
		(void)sqlite3_reset(stmt);
	}
	return ret;
}

enum mc_err
sq_run(struct sq *sq, sqlite3_stmt *stmt)
{
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt != NULL) {
		ret = sq_step(sq, stmt, &row);
		(void)sqlite3_reset(stmt);
	}
	return ret;
}

enum mc_err
sq_exec(struct sq *sq, const char *sql)
{
	int rc = sqlite3_exec(sq->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? MC_OK : sq_fail(sq, rc, "exec");
}

/* A bind can only fail when the index is wrong or memory is short; both show in the step, as a
 * NOT NULL column without a value. */
void
sq_bind_span(sqlite3_stmt *stmt, int at, struct base_span bytes)
{
	(void)sqlite3_bind_blob(stmt, at, bytes.len == 0 ? "" : (const char *)bytes.ptr,
	    (int)bytes.len, SQLITE_STATIC);
}

void
sq_bind_text(sqlite3_stmt *stmt, int at, struct base_span text)
{
	(void)sqlite3_bind_text(stmt, at, text.len == 0 ? "" : (const char *)text.ptr,
	    (int)text.len, SQLITE_STATIC);
}

void
sq_bind_fixed(sqlite3_stmt *stmt, int at, const void *ptr, size_t len)
{
	(void)sqlite3_bind_blob(stmt, at, ptr, (int)len, SQLITE_STATIC);
}

void
sq_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
	(void)sqlite3_bind_int64(stmt, at, (int64_t)value);
}

struct base_span
sq_col_span(sqlite3_stmt *stmt, int at)
{
	const void *ptr = sqlite3_column_blob(stmt, at);

	return base_span_of(ptr, ptr == NULL ? 0 : (size_t)sqlite3_column_bytes(stmt, at));
}

uint64_t
sq_col_u64(sqlite3_stmt *stmt, int at)
{
	return (uint64_t)sqlite3_column_int64(stmt, at);
}

bool
sq_col_fixed(sqlite3_stmt *stmt, int at, void *out, size_t len)
{
	struct base_span bytes = sq_col_span(stmt, at);

	memset(out, 0, len);
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL) {
		return true;
	}
	if (bytes.len != len) {
		return false;
	}
	base_copy(out, bytes.ptr, len);
	return true;
}

static enum mc_err
read_head(struct sq *sq, struct store_head *out)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_HEAD_GET);
	enum mc_err ret = MC_ESTORE;
	bool row = false;

	if (stmt == NULL) {
		return ret;
	}
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && !row) {
		ret = MC_FAIL(MC_ESTORE, "%s has no signature count", sq->path);
	}
	if (ret == MC_OK) {
		out->seq = sq_col_u64(stmt, 0);
		out->newest_at = sqlite3_column_int64(stmt, 1);
		out->signed_count = sq_col_u64(stmt, 3);
		if (!sq_col_fixed(stmt, 2, out->hash, 32)) {
			ret = MC_FAIL(MC_ESTORE, "%s: leaf hash of the newest row",
			    sq->path);
		}
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
sq_head(struct store *store, struct store_head *out)
{
	struct sq *sq = sq_of(store);

	if (store->mode == STORE_WRITER) {
		*out = sq->head;
		return MC_OK;
	}
	return read_head(sq, out);
}

static enum mc_err
sq_begin(struct store *store)
{
	struct sq *sq = sq_of(store);

	sq->saved = sq->head;
	return sq_run(sq, sq_stmt(sq, SQ_BEGIN));
}

static enum mc_err
sq_commit(struct store *store)
{
	struct sq *sq = sq_of(store);
	enum mc_err ret = MC_OK;

	if (sq->head.signed_count != sq->saved.signed_count) {
		sqlite3_stmt *stmt = sq_stmt(sq, SQ_HEAD_SET);

		if (stmt == NULL) {
			return MC_ESTORE;
		}
		sq_bind_u64(stmt, 1, sq->head.signed_count);
		ret = sq_run(sq, stmt);
	}
	if (ret == MC_OK) {
		ret = sq_run(sq, sq_stmt(sq, SQ_COMMIT));
	}
	return ret;
}

static void
sq_rollback(struct store *store)
{
	struct sq *sq = sq_of(store);

	/* SQLite may have rolled back by itself; another failure is the next begin's to report. */
	if (sqlite3_get_autocommit(sq->db) == 0) {
		(void)sq_run(sq, sq_stmt(sq, SQ_ROLLBACK));
	}
	sq->head = sq->saved;
	sq_cache_clear(&sq->names);
	sq_cache_clear(&sq->evidence);
	sq_gates_clear(sq);
}

static enum mc_err
sq_checkpoint(struct store *store, unsigned *left)
{
	struct sq *sq = sq_of(store);
	int log = 0;
	int done = 0;
	int rc = sqlite3_wal_checkpoint_v2(sq->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &done);

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		/* Another handle is at it. */
		*left = 1;
		return MC_OK;
	}
	if (rc != SQLITE_OK) {
		return sq_fail(sq, rc, "checkpoint");
	}
	*left = log > done ? (unsigned)(log - done) : 0;
	if (*left == 0) {
		sq->head.log_pages = 0; /* the next commit starts it anew */
	}
	return MC_OK;
}

static void
sq_close(struct store *store)
{
	struct sq *sq = sq_of(store);

	for (unsigned i = 0; i < SQ_STMT_COUNT; i++) {
		(void)sqlite3_finalize(sq->stmts[i]);
	}
	/* Nothing is lost when the closing checkpoint fails: the log is durable. */
	(void)sqlite3_close(sq->db);
	if (sq->lock_fd >= 0) {
		(void)close(sq->lock_fd);
	}
	sq_cache_free(&sq->names);
	sq_cache_free(&sq->evidence);
	base_buf_clear(&sq->scratch);
	free(sq->recent);
	free(sq->path);
	free(sq);
}

static const struct store_ops SQ_OPS = {
	.name = "sqlite",
	.close = sq_close,
	.begin = sq_begin,
	.commit = sq_commit,
	.rollback = sq_rollback,
	.head = sq_head,
	.checkpoint = sq_checkpoint,
	.registration_check = sq_registration_check,
	.intent_put = sq_intent_put,
	.signature_put = sq_signature_put,
	.issuer_put = sq_issuer_put,
	.crl_begin = sq_crl_begin,
	.crl_chunk = sq_crl_chunk,
	.revoke = sq_revoke,
	.user_put = sq_user_put,
	.user_remove = sq_user_remove,
	.inventory_put = sq_inventory_put,
	.event_put = sq_event_put,
	.config_put = sq_config_put,
	.cert_by_serial = sq_cert_by_serial,
	.cert_by_seq = sq_cert_by_seq,
	.cert_list = sq_cert_list,
	.cert_walk = sq_cert_walk,
	.issuer_list = sq_issuer_list,
	.bundle_get = sq_bundle_get,
	.crl_get = sq_crl_get,
	.crl_status = sq_crl_status,
	.revoked_list = sq_revoked_list,
	.user_get = sq_user_get,
	.user_list = sq_user_list,
	.inventory_get = sq_inventory_get,
	.registration_list = sq_registration_list,
	.event_list = sq_event_list,
	.dedup_recent = sq_dedup_recent,
	.self_check = sq_self_check,
};

/* Makes the directory (its parent must be there) and the file, both durably. */
static enum mc_err
create_file(const char *path)
{
	char *dir = base_xstrdup(path);
	char *slash = strrchr(dir, '/');
	enum mc_err ret = MC_EINTERNAL;
	int dir_fd = -1;
	int fd = -1;

	if (slash == NULL) {
		base_copy(dir, ".", 2);
	} else if (slash != dir) {
		*slash = '\0';
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		ret = MC_FAIL(MC_ESTORE, "cannot make directory %s: %s", dir,
		    strerrordesc_np(errno));
		goto out;
	}
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dir_fd < 0 || fd < 0) {
		ret = MC_FAIL(MC_ESTORE, "cannot open %s: %s", path, strerrordesc_np(errno));
		goto out;
	}
	if (fsync(dir_fd) != 0) {
		ret = MC_FAIL(MC_ESTORE, "cannot sync %s: %s", dir, strerrordesc_np(errno));
		goto out;
	}
	ret = MC_OK;
out:
	if (fd >= 0) {
		(void)close(fd);
	}
	if (dir_fd >= 0) {
		(void)close(dir_fd);
	}
	free(dir);
	return ret;
}

/* One writer per database: the chain's head lives in its memory. The lock ends with the process. */
static enum mc_err
take_lock(struct sq *sq)
{
	char *path = base_xasprintf("%s.lock", sq->path);
	enum mc_err ret = MC_OK;

	sq->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (sq->lock_fd < 0) {
		ret = MC_FAIL(MC_ESTORE, "cannot open %s: %s", path, strerrordesc_np(errno));
	} else if (flock(sq->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		ret = MC_FAIL(MC_ESTORE, "another ledger has %s open", sq->path);
	}
	free(path);
	return ret;
}

/* Called after each commit: how long the log has become. */
static int
on_log(void *self, sqlite3 *db, const char *name, int pages)
{
	struct sq *sq = self;

	(void)db;
	(void)name;
	sq->head.log_pages = (uint64_t)pages;
	return SQLITE_OK;
}

static enum mc_err
open_writer(struct sq *sq)
{
	enum mc_err ret = MC_EINTERNAL;

	/* The log is moved by store_checkpoint() only, so that no commit pays for it. */
	ret = sq_exec(sq, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
	                  "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
	                  "PRAGMA journal_size_limit=" WAL_KEEP ";"
	                  "PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY");
	if (ret == MC_OK) {
		ret = sq_migrate(sq, SQ_MIGRATIONS, SQ_MIGRATION_COUNT);
	}
	if (ret == MC_OK) {
		ret = read_head(sq, &sq->head);
	}
	(void)sqlite3_wal_hook(sq->db, on_log, sq);
	sq->saved = sq->head;
	sq->recent = base_xcalloc(SQ_RECENT, sizeof(*sq->recent));
	return ret;
}

static enum mc_err
open_reader(struct sq *sq)
{
	unsigned version = 0;
	enum mc_err ret = sq_exec(sq, "PRAGMA query_only=ON; PRAGMA cache_size=-8192;"
	                              "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY");

	if (ret == MC_OK) {
		ret = sq_version(sq, &version);
	}
	if (ret == MC_OK && version != SQ_MIGRATION_COUNT) {
		ret = MC_FAIL(MC_ESCHEMA, "%s has schema %u; this program reads %u", sq->path,
		    version, SQ_MIGRATION_COUNT);
	}
	return ret;
}

static enum mc_err
open_db(struct sq *sq, const struct store_params *params)
{
	bool writer = params->mode == STORE_WRITER;
	enum mc_err ret = MC_OK;
	int rc;

	if (writer) {
		ret = create_file(sq->path);
		if (ret == MC_OK) {
			ret = take_lock(sq);
		}
	} else if (access(sq->path, F_OK) != 0) {
		ret = MC_FAIL(MC_ENOTFOUND, "there is no %s", sq->path);
	}
	if (ret != MC_OK) {
		return ret;
	}
	/* A reader opens for writing too: it may be the one to move the log. query_only
	 * refuses every change of the content. */
	rc = sqlite3_open_v2(sq->path, &sq->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, params->vfs);
	if (rc != SQLITE_OK) {
		return sq_fail(sq, rc, "open");
	}
	(void)sqlite3_busy_timeout(sq->db, BUSY_MS);
	ret = sq_exec(sq, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
	if (ret == MC_OK) {
		ret = writer ? open_writer(sq) : open_reader(sq);
	}
	return ret;
}

struct store *
store_sqlite_open(const struct store_params *params)
{
	struct sq *sq = base_xcalloc(1, sizeof(*sq));
	bool writer = params->mode == STORE_WRITER;

	/* Nobody asks how much SQLite holds, and counting it takes a lock at each allocation. Refused, without harm, from
	 * the second handle on. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

	sq->store.ops = &SQ_OPS;
	sq->store.mode = params->mode;
	sq->lock_fd = -1;
	sq->path = base_xstrdup(params->path);
	sq_cache_init(&sq->names, writer ? NAME_SLOTS : SMALL_SLOTS);
	sq_cache_init(&sq->evidence, writer ? EVIDENCE_SLOTS : 1);
	base_buf_init(&sq->scratch, LIMIT_CERT);
	if (open_db(sq, params) != MC_OK) {
		sq_close(&sq->store);
		return NULL;
	}
	return &sq->store;
}
