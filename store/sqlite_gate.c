/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the applied inventory of an environment allows a leaf: asked before every intent. */
#include "base/applied.h"
#include "store/sqlite_int.h"

void
sq_gates_clear(struct sq *sq)
{
	for (unsigned i = 0; i < SQ_GATES; i++) {
		sq->gates[i].environment = 0;
	}
}

/* What an environment's newest applied copy says of the others; kept, since every intent asks. */
static enum mc_err
gate_of(struct sq *sq, int64_t environment, const struct sq_gate **out)
{
	struct sq_gate *gate = &sq->gates[(uint64_t)environment % SQ_GATES];
	sqlite3_stmt *stmt;
	enum mc_err ret;
	bool row = false;

	*out = gate;
	if (gate->environment == environment) {
		return MC_OK;
	}
	stmt = sq_stmt(sq, SQ_GATE_GET);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, environment);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK) {
		gate->environment = environment;
		gate->applied = row;
		gate->registered_only = row && sqlite3_column_int(stmt, 0) != 0;
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
refuse_unknown(const struct sq_gate *gate, struct base_span what, struct base_span environment)
{
	if (!gate->registered_only) {
		return MC_OK;
	}
	return MC_FAIL(MC_EREGISTRATION, "%.*s is not registered in environment %.*s",
	    (int)what.len, (const char *)what.ptr, (int)environment.len,
	    (const char *)environment.ptr);
}

/* The row, when there is one, is at stmt. */
static enum mc_err
check_row(sqlite3_stmt *stmt, const struct msg_intent *intent, int64_t now_at)
{
	uint8_t state = (uint8_t)sqlite3_column_int(stmt, 0);
	int64_t max_ttl_s = sqlite3_column_int64(stmt, 1);
	uint32_t key_types = (uint32_t)sqlite3_column_int64(stmt, 2);

	if (state != BASE_APPLIED_ACTIVE) {
		return MC_FAIL(MC_EREGISTRATION, "%.*s is %s", (int)intent->identity.len,
		    (const char *)intent->identity.ptr, base_applied_state_name(state));
	}
	if (max_ttl_s != 0 && intent->not_after_at - now_at > max_ttl_s) {
		return MC_FAIL(MC_ETTL, "%.*s is registered for at most %lld s",
		    (int)intent->identity.len, (const char *)intent->identity.ptr,
		    (long long)max_ttl_s);
	}
	if (key_types != 0 && (key_types & intent->key_type) == 0) {
		return MC_FAIL(MC_ECSR_KEY_TYPE, "%.*s is not registered for keys of this type",
		    (int)intent->identity.len, (const char *)intent->identity.ptr);
	}
	return MC_OK;
}

static enum mc_err
check_svid(struct sq *sq, const struct sq_gate *gate, const struct msg_intent *intent,
    int64_t now_at)
{
	sqlite3_stmt *stmt;
	int64_t identity = 0;
	enum mc_err ret = sq_name_find(sq, intent->identity, &identity);
	bool row = false;

	if (ret != MC_OK) {
		return ret;
	}
	if (identity == 0) {
		return refuse_unknown(gate, intent->identity, intent->environment);
	}
	stmt = sq_stmt(sq, SQ_GATE_REGISTRATION);
	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, gate->environment);
	(void)sqlite3_bind_int64(stmt, 2, identity);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK) {
		ret = row ? check_row(stmt, intent, now_at)
			  : refuse_unknown(gate, intent->identity, intent->environment);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

/* A name that several registrations share needs one of them that is active. */
static enum mc_err
check_name(struct sq *sq, const struct sq_gate *gate, const struct msg_intent *intent,
    struct base_span name)
{
	sqlite3_stmt *stmt = sq_stmt(sq, SQ_GATE_NAME);
	enum mc_err ret;
	bool row = false;

	if (stmt == NULL) {
		return MC_ESTORE;
	}
	(void)sqlite3_bind_int64(stmt, 1, gate->environment);
	sq_bind_text(stmt, 2, name);
	(void)sqlite3_bind_int(stmt, 3, BASE_APPLIED_ACTIVE);
	ret = sq_step(sq, stmt, &row);
	if (ret == MC_OK && (!row || sqlite3_column_int(stmt, 0) == 0)) {
		ret = refuse_unknown(gate, name, intent->environment);
	} else if (ret == MC_OK && sqlite3_column_int(stmt, 1) == 0) {
		ret = MC_FAIL(MC_EREGISTRATION, "who has %.*s is suspended or retired",
		    (int)name.len, (const char *)name.ptr);
	}
	(void)sqlite3_reset(stmt);
	return ret;
}

static enum mc_err
check_server(struct sq *sq, const struct sq_gate *gate, const struct msg_intent *intent)
{
	struct base_span rest = intent->dns_names;
	enum mc_err ret = MC_OK;

	if (rest.len != 0 && rest.ptr[rest.len - 1] != 0) {
		return MC_FAIL(MC_EUSAGE, "the list of DNS names does not end");
	}
	while (ret == MC_OK && rest.len != 0) {
		size_t len = 0;

		while (rest.ptr[len] != 0) {
			len++;
		}
		ret = check_name(sq, gate, intent, base_span_of(rest.ptr, len));
		rest = base_span_of(rest.ptr + len + 1, rest.len - len - 1);
	}
	return ret;
}

enum mc_err
sq_registration_check(struct store *store, const struct msg_intent *intent, int64_t now_at)
{
	struct sq *sq = sq_of(store);
	const struct sq_gate *gate = NULL;
	int64_t environment = 0;
	enum mc_err ret = MC_OK;

	if (intent->profile != MSG_PROFILE_SVID && intent->profile != MSG_PROFILE_SERVER) {
		return MC_OK;
	}
	ret = sq_name_find(sq, intent->environment, &environment);
	if (ret != MC_OK || environment == 0) {
		return ret;
	}
	ret = gate_of(sq, environment, &gate);
	if (ret != MC_OK || !gate->applied) {
		return ret;
	}
	return intent->profile == MSG_PROFILE_SVID ? check_svid(sq, gate, intent, now_at)
						   : check_server(sq, gate, intent);
}
