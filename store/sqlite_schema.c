/* SPDX-License-Identifier: Apache-2.0 */
/* The schema as a list of forward steps. A step that was released is never edited. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite_int.h"

/*
 * intents: the append-only log; triggers refuse what the program never does. Columns before tbs are
 * small so that lists do not read it. issuer is the seq of the issuer's own row, NULL when
 * self-signed. signatures: apart, so that a row of the log is never written twice.
 */
static const char SCHEMA_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES('signed_count', 0);"
    "CREATE TABLE names(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE evidence(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE intents("
    " seq INTEGER PRIMARY KEY, serial BLOB NOT NULL UNIQUE, profile INTEGER NOT NULL,"
    " environment INTEGER NOT NULL, issuer INTEGER, cluster INTEGER NOT NULL,"
    " identity INTEGER NOT NULL, requester INTEGER NOT NULL, evidence INTEGER NOT NULL,"
    " recorded_at INTEGER NOT NULL, not_before_at INTEGER NOT NULL,"
    " not_after_at INTEGER NOT NULL, spki BLOB NOT NULL, request_id BLOB NOT NULL,"
    " dedup_key BLOB, dedup_body BLOB, leaf_hash BLOB NOT NULL, tbs BLOB NOT NULL) STRICT;"
    "CREATE INDEX intents_identity ON intents(identity);"
    "CREATE TRIGGER intents_update BEFORE UPDATE ON intents BEGIN"
    " SELECT RAISE(ABORT, 'intents is append-only'); END;"
    "CREATE TRIGGER intents_delete BEFORE DELETE ON intents BEGIN"
    " SELECT RAISE(ABORT, 'intents is append-only'); END;"
    "CREATE TABLE signatures(seq INTEGER PRIMARY KEY, tail BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER signatures_update BEFORE UPDATE ON signatures BEGIN"
    " SELECT RAISE(ABORT, 'signatures is append-only'); END;"
    "CREATE TRIGGER signatures_delete BEFORE DELETE ON signatures BEGIN"
    " SELECT RAISE(ABORT, 'signatures is append-only'); END;"
    "CREATE TABLE revocations("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, cert_seq INTEGER NOT NULL UNIQUE,"
    " issuer INTEGER, not_after_at INTEGER NOT NULL, revoked_at INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL,"
    " request_id BLOB NOT NULL) STRICT;"
    "CREATE INDEX revocations_issuer ON revocations(issuer, seq);"
    "CREATE TABLE issuers("
    " seq INTEGER PRIMARY KEY, issuer_id BLOB NOT NULL UNIQUE, profile INTEGER NOT NULL,"
    " environment INTEGER NOT NULL, trust_domain TEXT NOT NULL, subject TEXT NOT NULL,"
    " key_id BLOB NOT NULL, cert BLOB NOT NULL, registered_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE bundles(environment INTEGER PRIMARY KEY, sequence INTEGER NOT NULL,"
    " trust_domain TEXT NOT NULL) STRICT;"
    "CREATE TABLE anchors(environment INTEGER NOT NULL, issuer INTEGER NOT NULL,"
    " PRIMARY KEY(environment, issuer)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE crl_numbers(issuer INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;"
    "CREATE TABLE crls("
    " issuer INTEGER NOT NULL, number INTEGER NOT NULL, revocation_seq INTEGER NOT NULL,"
    " this_update_at INTEGER NOT NULL, next_update_at INTEGER NOT NULL,"
    " total INTEGER NOT NULL, received INTEGER NOT NULL,"
    " PRIMARY KEY(issuer, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE crl_chunks("
    " issuer INTEGER NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY(issuer, number, start)) STRICT;"
    "CREATE TABLE users("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, role INTEGER NOT NULL,"
    " cert_sha256 BLOB NOT NULL UNIQUE, cert_seq INTEGER NOT NULL UNIQUE,"
    " added_at INTEGER NOT NULL, added_by TEXT NOT NULL, removed_at INTEGER) STRICT;"
    "CREATE TABLE events("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,"
    " action TEXT NOT NULL, target TEXT NOT NULL, source TEXT NOT NULL,"
    " note TEXT NOT NULL, request_id BLOB NOT NULL) STRICT;"
    "CREATE TABLE configs("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, hash BLOB NOT NULL,"
    " actor TEXT NOT NULL, text TEXT NOT NULL, diff TEXT NOT NULL) STRICT;";

/* approvals: those that were spent, until they would not be taken anyway. */
static const char SCHEMA_2[] =
    "CREATE TABLE approvals(id BLOB PRIMARY KEY, until_at INTEGER NOT NULL,"
    " request_id BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/*
 * inventories: the newest applied copies (base/applied.h) of each environment. registrations: what the newest
 * says, a row for each identity; place is its number there. registered_names: whose DNS names are whose.
 */
static const char SCHEMA_3[] =
    "CREATE TABLE inventories("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, environment INTEGER NOT NULL,"
    " registered_only INTEGER NOT NULL, count INTEGER NOT NULL, sha256 BLOB NOT NULL,"
    " at INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL,"
    " request_id BLOB NOT NULL, document BLOB NOT NULL) STRICT;"
    "CREATE INDEX inventories_environment ON inventories(environment);"
    "CREATE TABLE registrations("
    " environment INTEGER NOT NULL, identity INTEGER NOT NULL, place INTEGER NOT NULL,"
    " inventory INTEGER NOT NULL, namespace TEXT NOT NULL, account TEXT NOT NULL,"
    " owner TEXT NOT NULL, state INTEGER NOT NULL, max_ttl_s INTEGER NOT NULL,"
    " key_types INTEGER NOT NULL, dns_names TEXT NOT NULL, registered_at INTEGER NOT NULL,"
    " PRIMARY KEY(environment, identity)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX registrations_place ON registrations(environment, place);"
    "CREATE TABLE registered_names("
    " environment INTEGER NOT NULL, name TEXT NOT NULL, identity INTEGER NOT NULL,"
    " PRIMARY KEY(environment, name, identity)) STRICT, WITHOUT ROWID;";

const char *const SQ_MIGRATIONS[] = { SCHEMA_1, SCHEMA_2, SCHEMA_3 };
const unsigned SQ_MIGRATION_COUNT = sizeof(SQ_MIGRATIONS) / sizeof(SQ_MIGRATIONS[0]);

static enum mc_err
pragma_get(struct sq *sq, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	enum mc_err ret = MC_EINTERNAL;
	bool row = false;
	int rc = sqlite3_prepare_v2(sq->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK) {
		return sq_fail(sq, rc, "pragma");
	}
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && row) {
		*out = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return ret;
}

enum mc_err
sq_version(struct sq *sq, unsigned *out)
{
	int64_t version = 0;
	int64_t application = 0;
	enum mc_err ret = pragma_get(sq, "PRAGMA user_version", &version);

	if (ret == MC_OK) {
		ret = pragma_get(sq, "PRAGMA application_id", &application);
	}
	if (ret == MC_OK && version != 0 && application != SQ_APPLICATION_ID) {
		ret = MC_FAIL(MC_ESCHEMA, "%s is not a meshca ledger", sq->path);
	}
	if (ret == MC_OK) {
		*out = (unsigned)version;
	}
	return ret;
}

/* A consistent copy beside the database, before its shape changes. One left by a migration
 * that was cut off is replaced: it is the same state. */
static enum mc_err
backup(struct sq *sq, unsigned version)
{
	char *path = base_xasprintf("%s.v%u.bak", sq->path, version);
	sqlite3_stmt *stmt = NULL;
	enum mc_err ret = MC_EINTERNAL;
	int rc;

	if (unlink(path) != 0 && errno != ENOENT) {
		ret = MC_FAIL(MC_ESTORE, "cannot replace %s", path);
		goto out;
	}
	rc = sqlite3_prepare_v2(sq->db, "VACUUM INTO ?1", -1, &stmt, NULL);
	if (rc != SQLITE_OK) {
		ret = sq_fail(sq, rc, "backup");
		goto out;
	}
	sq_bind_text(stmt, 1, base_span_str(path));
	ret = sq_run(sq, stmt);
out:
	sqlite3_finalize(stmt);
	free(path);
	return ret;
}

static enum mc_err
step_up(struct sq *sq, const char *sql, unsigned to)
{
	char *mark = base_xasprintf("PRAGMA application_id=%d; PRAGMA user_version=%u; COMMIT",
	    SQ_APPLICATION_ID, to);
	enum mc_err ret = sq_exec(sq, "BEGIN EXCLUSIVE");

	if (ret == MC_OK) {
		ret = sq_exec(sq, sql);
	}
	if (ret == MC_OK) {
		ret = sq_exec(sq, mark);
	}
	if (ret != MC_OK && sqlite3_get_autocommit(sq->db) == 0) {
		/* The first failure is recorded; a rollback cannot make it better or worse. */
		(void)sqlite3_exec(sq->db, "ROLLBACK", NULL, NULL, NULL);
	}
	free(mark);
	return ret;
}

enum mc_err
sq_migrate(struct sq *sq, const char *const *migrations, unsigned count)
{
	unsigned version = 0;
	enum mc_err ret = sq_version(sq, &version);

	if (ret == MC_OK && version > count) {
		ret = MC_FAIL(MC_ESCHEMA, "%s has schema %u; this program knows up to %u",
		    sq->path, version, count);
	}
	if (ret == MC_OK && version > 0 && version < count) {
		ret = backup(sq, version);
	}
	for (; ret == MC_OK && version < count; version++) {
		ret = step_up(sq, migrations[version], version + 1);
	}
	return ret;
}
