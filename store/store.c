/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that every driver may rely on. */
#include "store/store.h"

/* What a call needs of its handle. */
enum need { NEED_ANY, NEED_IDLE, NEED_TX };

static enum mc_err
check(const struct store *store, enum need need, const char *call)
{
	if (store == NULL || store->ops == NULL) {
		return MC_FAIL(MC_EINTERNAL, "%s without a store", call);
	}
	if (need == NEED_TX && (store->mode != STORE_WRITER || !store->in_tx)) {
		return MC_FAIL(MC_EINTERNAL, "%s outside a transaction", call);
	}
	if (need == NEED_IDLE && store->in_tx) {
		return MC_FAIL(MC_EINTERNAL, "%s inside a transaction", call);
	}
	return MC_OK;
}

void
store_close(struct store *store)
{
	if (store != NULL) {
		store->ops->close(store);
	}
}

enum mc_err
store_begin(struct store *store)
{
	enum mc_err ret = check(store, NEED_IDLE, "begin");

	if (ret == MC_OK && store->mode != STORE_WRITER) {
		ret = MC_FAIL(MC_EINTERNAL, "begin on a reader");
	}
	if (ret == MC_OK) {
		ret = store->ops->begin(store);
		store->in_tx = ret == MC_OK;
	}
	return ret;
}

enum mc_err
store_commit(struct store *store)
{
	enum mc_err ret = check(store, NEED_TX, "commit");

	if (ret == MC_OK) {
		ret = store->ops->commit(store);
		if (ret != MC_OK) {
			store->ops->rollback(store);
		}
		store->in_tx = false;
	}
	return ret;
}

void
store_rollback(struct store *store)
{
	if (store != NULL && store->in_tx) {
		store->ops->rollback(store);
		store->in_tx = false;
	}
}

enum mc_err
store_checkpoint(struct store *store, unsigned *left)
{
	enum mc_err ret = check(store, NEED_IDLE, "checkpoint");

	*left = 0;
	if (ret == MC_OK && store->ops->checkpoint != NULL) {
		ret = store->ops->checkpoint(store, left);
	}
	return ret;
}

enum mc_err
store_self_check(struct store *store, store_problem_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_IDLE, "self-check");

	if (ret == MC_OK && store->ops->self_check != NULL) {
		ret = store->ops->self_check(store, fn, arg);
	}
	return ret;
}

enum mc_err
store_head(struct store *store, struct store_head *out)
{
	enum mc_err ret = check(store, NEED_ANY, "head");

	if (ret == MC_OK) {
		ret = store->ops->head(store, out);
	}
	return ret;
}

enum mc_err
store_registration_check(struct store *store, const struct msg_intent *intent, int64_t now_at)
{
	enum mc_err ret = check(store, NEED_TX, "registration-check");

	if (ret == MC_OK) {
		ret = store->ops->registration_check(store, intent, now_at);
	}
	return ret;
}

enum mc_err
store_intent_put(struct store *store, const struct msg_intent *intent, int64_t now_at,
    struct store_intended *out)
{
	enum mc_err ret = check(store, NEED_TX, "intent-put");

	if (ret == MC_OK &&
	    (intent->serial.len == 0 || intent->serial.len > LIMIT_SERIAL ||
	     intent->tbs.len == 0 || intent->tbs.len > LIMIT_TBS)) {
		ret = MC_FAIL(MC_EUSAGE, "serial or tbs has a bad length");
	}
	if (ret == MC_OK) {
		ret = store->ops->intent_put(store, intent, now_at, out);
	}
	return ret;
}

enum mc_err
store_signature_put(struct store *store, const struct msg_signature *sig,
    const struct store_scope *scope, bool *inserted)
{
	enum mc_err ret = check(store, NEED_TX, "signature-put");

	if (ret == MC_OK && !store_tail_ok(sig->tail)) {
		ret = MC_FAIL(MC_EUSAGE, "tail is not an algorithm and a bit string");
	}
	if (ret == MC_OK) {
		ret = store->ops->signature_put(store, sig, scope, inserted);
	}
	return ret;
}

enum mc_err
store_issuer_put(struct store *store, const struct msg_issuer_put *put, int64_t now_at,
    bool *inserted)
{
	enum mc_err ret = check(store, NEED_TX, "issuer-put");

	if (ret == MC_OK) {
		ret = store->ops->issuer_put(store, put, now_at, inserted);
	}
	return ret;
}

enum mc_err
store_crl_begin(struct store *store, const uint8_t issuer_id[32],
    const struct store_scope *scope, struct msg_crl_begin_ans *out)
{
	enum mc_err ret = check(store, NEED_TX, "crl-begin");

	if (ret == MC_OK) {
		ret = store->ops->crl_begin(store, issuer_id, scope, out);
	}
	return ret;
}

enum mc_err
store_crl_chunk(struct store *store, const struct msg_crl_chunk *chunk,
    const struct store_scope *scope, int64_t now_at, bool *complete)
{
	enum mc_err ret = check(store, NEED_TX, "crl-chunk");

	if (ret == MC_OK &&
	    (chunk->bytes.len == 0 || chunk->bytes.len > LIMIT_BULK_CHUNK ||
	     chunk->total > LIMIT_CRL || chunk->offset >= chunk->total ||
	     chunk->bytes.len > chunk->total - chunk->offset)) {
		ret = MC_FAIL(MC_EUSAGE, "CRL chunk has a bad length");
	}
	if (ret == MC_OK) {
		ret = store->ops->crl_chunk(store, chunk, scope, now_at, complete);
	}
	return ret;
}

enum mc_err
store_revoke(struct store *store, const struct msg_revoke *revoke, int64_t now_at)
{
	enum mc_err ret = check(store, NEED_TX, "revoke");

	if (ret == MC_OK) {
		ret = store->ops->revoke(store, revoke, now_at);
	}
	return ret;
}

enum mc_err
store_user_put(struct store *store, const struct msg_user_put *put, int64_t now_at,
    bool *inserted)
{
	enum mc_err ret = check(store, NEED_TX, "user-put");

	if (ret == MC_OK) {
		ret = store->ops->user_put(store, put, now_at, inserted);
	}
	return ret;
}

enum mc_err
store_user_remove(struct store *store, const struct msg_user_remove *remove,
    int64_t now_at)
{
	enum mc_err ret = check(store, NEED_TX, "user-remove");

	if (ret == MC_OK) {
		ret = store->ops->user_remove(store, remove, now_at);
	}
	return ret;
}

enum mc_err
store_inventory_put(struct store *store, const struct msg_inventory_put *put,
    struct base_span document, int64_t now_at, store_inventory_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_TX, "inventory-put");

	if (ret == MC_OK) {
		ret = store->ops->inventory_put(store, put, document, now_at, fn, arg);
	}
	return ret;
}

enum mc_err
store_event_put(struct store *store, const struct store_event *event, int64_t now_at)
{
	enum mc_err ret = check(store, NEED_TX, "event-put");

	if (ret == MC_OK) {
		ret = store->ops->event_put(store, event, now_at);
	}
	return ret;
}

enum mc_err
store_config_put(struct store *store, const struct msg_config_put *put, int64_t now_at,
    struct base_buf *diff)
{
	enum mc_err ret = check(store, NEED_TX, "config-put");

	if (ret == MC_OK) {
		ret = store->ops->config_put(store, put, now_at, diff);
	}
	return ret;
}

enum mc_err
store_cert_by_serial(struct store *store, const struct store_view *view,
    struct base_span serial, store_cert_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "cert-by-serial");

	if (ret == MC_OK) {
		ret = store->ops->cert_by_serial(store, view, serial, fn, arg);
	}
	return ret;
}

enum mc_err
store_cert_by_seq(struct store *store, const struct store_view *view, uint64_t seq,
    store_cert_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "cert-by-seq");

	if (ret == MC_OK) {
		ret = store->ops->cert_by_seq(store, view, seq, fn, arg);
	}
	return ret;
}

enum mc_err
store_cert_list(struct store *store, const struct store_view *view,
    const struct msg_cert_list *query, store_cert_fn fn, void *arg, uint64_t *next)
{
	enum mc_err ret = check(store, NEED_ANY, "cert-list");

	if (ret == MC_OK && query->limit - 1u >= LIMIT_PAGE) {
		ret = MC_FAIL(MC_EUSAGE, "page of %u rows", query->limit);
	}
	if (ret == MC_OK) {
		ret = store->ops->cert_list(store, view, query, fn, arg, next);
	}
	return ret;
}

enum mc_err
store_cert_walk(struct store *store, uint64_t from_seq, store_cert_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "cert-walk");

	if (ret == MC_OK) {
		ret = store->ops->cert_walk(store, from_seq, fn, arg);
	}
	return ret;
}

enum mc_err
store_issuer_list(struct store *store, const struct store_view *view,
    struct base_span environment, store_issuer_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "issuer-list");

	if (ret == MC_OK) {
		ret = store->ops->issuer_list(store, view, environment, fn, arg);
	}
	return ret;
}

enum mc_err
store_bundle_get(struct store *store, struct base_span environment, store_bundle_fn fn,
    void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "bundle-get");

	if (ret == MC_OK) {
		ret = store->ops->bundle_get(store, environment, fn, arg);
	}
	return ret;
}

enum mc_err
store_crl_get(struct store *store, const struct msg_crl_get *query, store_crl_fn fn,
    void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "crl-get");

	if (ret == MC_OK) {
		ret = store->ops->crl_get(store, query, fn, arg);
	}
	return ret;
}

enum mc_err
store_crl_status(struct store *store, const struct store_view *view,
    store_crl_status_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "crl-status");

	if (ret == MC_OK) {
		ret = store->ops->crl_status(store, view, fn, arg);
	}
	return ret;
}

enum mc_err
store_revoked_list(struct store *store, const struct store_view *view,
    const struct msg_revoked_list *query, store_revoked_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "revoked-list");

	if (ret == MC_OK) {
		ret = store->ops->revoked_list(store, view, query, fn, arg);
	}
	return ret;
}

enum mc_err
store_user_get(struct store *store, const struct store_view *view,
    const uint8_t cert_sha256[32], store_user_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "user-get");

	if (ret == MC_OK) {
		ret = store->ops->user_get(store, view, cert_sha256, fn, arg);
	}
	return ret;
}

enum mc_err
store_user_list(struct store *store, const struct store_view *view, store_user_fn fn,
    void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "user-list");

	if (ret == MC_OK) {
		ret = store->ops->user_list(store, view, fn, arg);
	}
	return ret;
}

enum mc_err
store_inventory_get(struct store *store, const struct msg_inventory_get *query,
    store_inventory_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "inventory-get");

	if (ret == MC_OK) {
		ret = store->ops->inventory_get(store, query, fn, arg);
	}
	return ret;
}

enum mc_err
store_registration_list(struct store *store, const struct msg_registration_list *query,
    store_registration_fn fn, void *arg, uint64_t *next)
{
	enum mc_err ret = check(store, NEED_ANY, "registration-list");

	if (ret == MC_OK && query->limit - 1u >= LIMIT_PAGE) {
		ret = MC_FAIL(MC_EUSAGE, "page of %u rows", query->limit);
	}
	if (ret == MC_OK) {
		ret = store->ops->registration_list(store, query, fn, arg, next);
	}
	return ret;
}

enum mc_err
store_event_list(struct store *store, const struct msg_event_list *query,
    store_event_fn fn, void *arg, uint64_t *next)
{
	enum mc_err ret = check(store, NEED_ANY, "event-list");

	if (ret == MC_OK && query->limit - 1u >= LIMIT_PAGE) {
		ret = MC_FAIL(MC_EUSAGE, "page of %u rows", query->limit);
	}
	if (ret == MC_OK) {
		ret = store->ops->event_list(store, query, fn, arg, next);
	}
	return ret;
}

enum mc_err
store_dedup_recent(struct store *store, int64_t since_at, uint64_t max,
    store_dedup_fn fn, void *arg)
{
	enum mc_err ret = check(store, NEED_ANY, "dedup-recent");

	if (ret == MC_OK) {
		ret = store->ops->dedup_recent(store, since_at, max, fn, arg);
	}
	return ret;
}
