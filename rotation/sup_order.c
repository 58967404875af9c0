/* SPDX-License-Identifier: Apache-2.0 */
/* What the local socket orders (base/msg_admin.h): each is carried out here and answered through sup_admin.c. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "rotation/sup.h"

#define ACT_AGAIN_US 100000 /* between looks whether another ceremony has ended */
#define HERE "local socket" /* where orders come from, in the ledger's events */

/* An order under way; lives until its last answer, also when the client has left. */
struct order {
	struct sup_asking asking;
	unsigned pending;            /* answers to come */
	bool opened;                 /* a signer has */
	enum mc_err refusal;         /* the first of its signers; MC_OK: none */
	char refusal_detail[LIMIT_DETAIL + 1];
	uint8_t request_id[16]; /* of the ledger's event */
	char *actor;
	char *environment;
	struct base_secret *passphrase, *root_passphrase; /* NULL: none given */
	enum msg_ceremony kind;      /* of the act, while it waits for another one to end */
	void (*done)(void *self, enum mc_err status, const char *detail);
	struct base_timer *again;
	int64_t wait_until_us;       /* boot time; 0: it has not waited yet */
	struct base_buf cert, issuer;
};

static struct order *
order_new(const struct sup_asking *asking)
{
	struct order *order = base_xcalloc(1, sizeof(*order));

	order->asking = *asking;
	base_crypto_random(order->request_id, sizeof(order->request_id));
	order->actor = base_xasprintf("uid %u on the local socket", (unsigned)asking->uid);
	base_buf_init(&order->cert, LIMIT_CERT);
	base_buf_init(&order->issuer, LIMIT_CERT);
	return order;
}

static void
order_free(struct order *order)
{
	base_timer_free(order->again);
	base_secret_free(order->passphrase);
	base_secret_free(order->root_passphrase);
	base_buf_clear(&order->cert);
	base_buf_clear(&order->issuer);
	free(order->actor);
	free(order->environment);
	free(order);
}

/* The last answer. Frees the order. */
static void
finish(struct order *order, enum mc_err status, const char *text)
{
	struct msg_adm_ans ans = {.status = (uint32_t)status};

	if (status == MC_OK) {
		ans.text = base_span_str(text);
	} else {
		ans.detail = base_span_str(text);
	}
	sup_admin_answer(&order->asking, 0, &ans);
	order_free(order);
}

static void
progress(void *self, struct base_span line)
{
	const struct order *order = self;
	struct msg_adm_ans ans = {.status = MC_OK, .text = line};

	sup_admin_answer(&order->asking, BASE_ITEM_MORE, &ans);
}

static void
on_done(void *self, enum mc_err status, const char *detail)
{
	finish(self, status, detail);
}

static struct base_span
role_detail(const struct base_item *item)
{
	return item != NULL ? sup_answer_detail(item) : base_span_str("the process ended");
}

/* The answer of a role, passed on. */
static void
on_role_answer(void *self, enum mc_err status, const struct base_item *item)
{
	struct base_span detail = role_detail(item);
	char *text = base_xstrndup((const char *)detail.ptr, detail.len);

	finish(self, status, text);
	free(text);
}

/* --- status, reload, clock --- */
static enum mc_err
on_status(const struct sup_asking *asking, const struct base_item *item)
{
	struct order *order = order_new(asking);
	struct base_buf text;
	char *json;

	(void)item;
	base_buf_init(&text, LIMIT_FRAME);
	sup_status(asking->sup, &text);
	json = base_buf_take_str(&text);
	finish(order, MC_OK, json);
	free(json);
	return MC_OK;
}

static enum mc_err
on_reload(const struct sup_asking *asking, const struct base_item *item)
{
	struct order *order = order_new(asking);

	(void)item;
	sup_reload(asking->sup, &(struct sup_asker){order->actor, HERE}, on_done, order);
	return MC_OK;
}

static void
on_clock_answer(void *self, enum mc_err status, const struct base_item *item)
{
	struct order *order = self;

	(void)status;
	(void)item;
	if (--order->pending == 0) {
		finish(order, MC_OK, "the present time is accepted");
	}
}

static void
tell_clock(struct order *order, struct sup_proc *proc,
    void (*fn)(void *self, enum mc_err status, const struct base_item *item))
{
	struct msg_ctl_clock msg = {.actor = base_span_str(order->actor), .from = base_span_str(HERE)};

	base_copy(msg.request_id, order->request_id, sizeof(msg.request_id));
	sup_proc_call(proc, MSG_CTL_CLOCK, &msg_ctl_clock_table, &msg, -1, fn, order);
}

/* The ledger has written it down and taken the time: now the others. */
static void
on_clock_recorded(void *self, enum mc_err status, const struct base_item *item)
{
	struct order *order = self;

	if (status != MC_OK) {
		on_role_answer(order, status, item);
		return;
	}
	order->pending = 1;
	for (struct sup_proc *proc = order->asking.sup->procs; proc != NULL; proc = proc->next) {
		if (proc->chan != NULL && proc->role != MSG_ROLE_CEREMONY &&
		    proc->role != MSG_ROLE_LEDGER) {
			order->pending++;
			tell_clock(order, proc, on_clock_answer);
		}
	}
	on_clock_answer(order, MC_OK, NULL);
}

static enum mc_err
on_clock(const struct sup_asking *asking, const struct base_item *item)
{
	struct sup_proc *ledger = sup_find(asking->sup, MSG_ROLE_LEDGER);
	struct order *order = order_new(asking);

	(void)item;
	if (ledger == NULL || ledger->chan == NULL) {
		finish(order, MC_ENOTREADY, "the ledger does not run; meshca status says why");
		return MC_OK;
	}
	tell_clock(order, ledger, on_clock_recorded);
	return MC_OK;
}

/* --- orders about one environment --- */
static enum mc_err
take_environment(const struct sup_asking *asking, const struct base_item *item, struct order **out)
{
	struct msg_adm_environment msg;
	struct order *order;
	enum mc_err ret = msg_decode(&msg_adm_environment_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	order = order_new(asking);
	order->environment = base_xstrndup((const char *)msg.environment.ptr, msg.environment.len);
	if (msg.passphrase.len > 0) {
		order->passphrase = sup_keys_copy(msg.passphrase);
	}
	if (msg.root_passphrase.len > 0) {
		order->root_passphrase = sup_keys_copy(msg.root_passphrase);
	}
	*out = order;
	return MC_OK;
}

static void
on_unsealing_recorded(void *self, enum mc_err status, const struct base_item *item)
{
	(void)item;
	finish(self, status, status == MC_OK ? "" : "it is open, but the ledger could not write that down");
}

/* That it opened is an event. */
static void
record_unsealing(struct order *order)
{
	struct sup_proc *ledger = sup_find(order->asking.sup, MSG_ROLE_LEDGER);
	struct msg_unsealed msg = {.environment = base_span_str(order->environment),
	    .actor = base_span_str(order->actor), .from = base_span_str(HERE)};

	if (ledger == NULL || ledger->chan == NULL) {
		on_unsealing_recorded(order, MC_ENOTREADY, NULL);
		return;
	}
	base_copy(msg.request_id, order->request_id, sizeof(msg.request_id));
	sup_proc_call(ledger, MSG_UNSEALED, &msg_unsealed_table, &msg, -1, on_unsealing_recorded, order);
}

/* A signer's answer. Of two that were sealed, one that opens will do: it serves, or takes over. */
static void
on_unsealed(void *self, enum mc_err status, const struct base_item *item)
{
	struct order *order = self;

	if (status == MC_OK) {
		order->opened = true;
	} else if (order->refusal == MC_OK) {
		order->refusal = status;
		sup_text_set(order->refusal_detail, role_detail(item));
	}
	if (--order->pending > 0) {
		return;
	}
	if (order->opened) {
		record_unsealing(order);
	} else {
		finish(order, order->refusal, order->refusal_detail);
	}
}

static void
unseal(struct order *order, struct sup_proc *proc)
{
	struct msg_ctl_unseal msg = {.slot = MSG_KEY_ENVIRONMENT,
	    .environment = base_span_str(order->environment),
	    .passphrase = sup_secret_span(order->passphrase)};

	sup_proc_call(proc, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &msg, -1, on_unsealed, order);
}

static enum mc_err
on_unseal(const struct sup_asking *asking, const struct base_item *item)
{
	struct sup *sup = asking->sup;
	struct order *order = NULL;
	enum mc_err ret = take_environment(asking, item, &order);
	const struct config_environment *env;
	struct sup_proc *active, *standby;

	if (ret != MC_OK) {
		return ret;
	}
	env = config_environment(sup->config, order->environment);
	active = sup_signer(sup, order->environment, SUP_ACTIVE);
	standby = sup_signer(sup, order->environment, SUP_STANDBY);
	if (env == NULL || active == NULL) {
		finish(order, MC_ENOTFOUND, "no such environment in the configuration");
		return MC_OK;
	}
	if (order->passphrase == NULL && env->passphrase_file != NULL) {
		order->passphrase = sup_keys_passphrase(env->passphrase_file);
		if (order->passphrase == NULL) {
			finish(order, mc_err_last()->code, mc_err_last()->detail);
			return MC_OK;
		}
	}
	if (order->passphrase == NULL) {
		finish(order, MC_EPASSPHRASE, "no passphrase given and none configured");
		return MC_OK;
	}
	if (standby == NULL || standby->state != MSG_RS_SEALED) {
		order->pending = 1;
		unseal(order, active);
	} else if (active->state != MSG_RS_SEALED) {
		order->pending = 1;
		unseal(order, standby);
	} else {
		order->pending = 2;
		unseal(order, standby);
		unseal(order, active);
	}
	return MC_OK;
}

static void
act_try(void *self)
{
	struct order *order = self;
	struct sup *sup = order->asking.sup;
	struct sup_act ceremony = {.act = order->kind,
	    .environment = order->environment[0] != '\0' ? order->environment : NULL,
	    .passphrase = order->passphrase, .root_passphrase = order->root_passphrase,
	    .asker = {order->actor, HERE}, .progress = progress, .done = order->done,
	    .self = order};
	int64_t now_us = base_loop_now_us(sup->loop);

	if (sup->ceremony == NULL || sup->stopping ||
	    (order->wait_until_us != 0 && now_us >= order->wait_until_us)) {
		if (sup_ceremony(sup, &ceremony) != MC_OK) {
			finish(order, mc_err_last()->code, mc_err_last()->detail);
		}
		return;
	}
	if (order->wait_until_us == 0) {
		order->wait_until_us = now_us + SUP_TURN_S * INT64_C(1000000);
		progress(order, base_span_str("another ceremony is under way; waiting for its end"));
	}
	base_timer_set_us(order->again, ACT_AGAIN_US);
}

/* The keeper makes CRLs when it likes, above all after a revocation: an order waits for that. */
static void
act(struct order *order, enum msg_ceremony kind,
    void (*done)(void *self, enum mc_err status, const char *detail))
{
	order->kind = kind;
	order->done = done;
	order->again = base_timer_new(order->asking.sup->loop, act_try, order);
	act_try(order);
}

/* The key file is new: let a signer that has it take over. */
static void
on_key_made(void *self, enum mc_err status, const char *detail)
{
	struct order *order = self;
	struct base_span passphrase = {0};

	if (status != MC_OK) {
		finish(order, status, detail);
		return;
	}
	if (order->passphrase != NULL) {
		passphrase = sup_secret_span(order->passphrase);
	}
	progress(order, base_span_str("issuing CA made; the signer changes over"));
	sup_handover(order->asking.sup, order->environment, passphrase, on_done, order);
}

/* Whether the environment's own key is there; else the order ends. One that is unknown is act()'s to refuse. */
static bool
has_key(struct order *order)
{
	const struct config_environment *env =
	    config_environment(order->asking.sup->config, order->environment);

	if (env != NULL && !sup_keys_have(env->key_dir, "environment.pem")) {
		finish(order, MC_ENOTFOUND, "environment.pem is not in its key_dir; run meshca environment "
		    "add first, or bring the key's folder");
		return false;
	}
	return true;
}

static enum mc_err
on_rotate(const struct sup_asking *asking, const struct base_item *item)
{
	struct order *order = NULL;
	enum mc_err ret = take_environment(asking, item, &order);

	if (ret == MC_OK && has_key(order)) {
		act(order, MSG_CEREMONY_ISSUING, on_key_made);
	}
	return ret;
}

static enum mc_err
on_ca_crl(const struct sup_asking *asking, const struct base_item *item)
{
	struct order *order = NULL;
	enum mc_err ret = take_environment(asking, item, &order);

	if (ret != MC_OK) {
		return ret;
	}
	if (order->environment[0] != '\0') {
		if (has_key(order)) {
			act(order, MSG_CEREMONY_CRL, on_done);
		}
	} else if (!sup_keys_have(asking->sup->config->root_key_dir, "root.pem")) {
		/* the root's ceremony would make a new one */
		finish(order, MC_ENOTFOUND, "root.pem is not in root_key_dir; bring the root key's folder");
	} else {
		act(order, MSG_CEREMONY_ROOT, on_done);
	}
	return MC_OK;
}

static void
add_environment(void *self, enum mc_err status, const char *detail)
{
	struct order *order = self;
	const struct config_environment *env =
	    config_environment(order->asking.sup->config, order->environment);
	enum msg_ceremony kind = MSG_CEREMONY_ENVIRONMENT;

	if (env == NULL) {
		finish(order, status != MC_OK ? status : MC_ENOTFOUND,
		    status != MC_OK ? detail
				    : "no such environment in the configuration; add it there first");
		return;
	}
	if (sup_keys_have(env->key_dir, "issuing.pem")) {
		finish(order, MC_ECONFLICT, "its keys are there already; nothing was changed");
		return;
	}
	if (strcmp(order->environment, CONFIG_OPERATORS) == 0) {
		kind = MSG_CEREMONY_OPERATORS;
	} else if (!sup_keys_have(order->asking.sup->config->root_key_dir, "root.pem")) {
		finish(order, MC_ENOTFOUND, "root.pem is not in root_key_dir; stop meshcad and run meshca "
		    "init, or bring the root key's folder");
		return;
	}
	act(order, kind, on_key_made);
}

static enum mc_err
on_env_add(const struct sup_asking *asking, const struct base_item *item)
{
	struct sup *sup = asking->sup;
	struct order *order = NULL;
	enum mc_err ret = take_environment(asking, item, &order);

	if (ret != MC_OK) {
		return ret;
	}
	if (config_environment(sup->config, order->environment) == NULL) {
		sup_reload(sup, &(struct sup_asker){order->actor, HERE}, add_environment, order);
	} else {
		add_environment(order, MC_OK, "");
	}
	return MC_OK;
}

/* --- people --- */
static void
on_user_bundle(void *self, enum mc_err status, const struct base_item *item)
{
	struct order *order = self;
	struct msg_bundle_ans bundle;
	struct msg_adm_ans ans = {.status = MC_OK};

	if (status != MC_OK || item == NULL ||
	    msg_decode(&msg_bundle_ans_table, item->payload, &bundle) != MC_OK) {
		finish(order, status != MC_OK ? status : MC_EFRAME,
		    "the certificate was issued, but the operators' bundle could not be read");
		return;
	}
	ans.cert = base_buf_span(&order->cert);
	ans.issuer = base_buf_span(&order->issuer);
	ans.anchors = bundle.anchors;
	sup_admin_answer(&order->asking, 0, &ans);
	order_free(order);
}

static void
on_user_issued(void *self, enum mc_err status, const struct base_item *item)
{
	struct order *order = self;
	struct sup_proc *ledger = sup_find(order->asking.sup, MSG_ROLE_LEDGER);
	struct msg_bundle_get get = {.environment = base_span_str(CONFIG_OPERATORS)};
	struct msg_issue_ans ans;

	if (status != MC_OK || ledger == NULL) {
		on_role_answer(order, status != MC_OK ? status : MC_ENOTREADY, item);
		return;
	}
	if (msg_decode(&msg_issue_ans_table, item->payload, &ans) != MC_OK) {
		finish(order, MC_EFRAME, "the operators' signer answered nonsense");
		return;
	}
	base_buf_append_span(&order->cert, ans.cert);
	base_buf_append_span(&order->issuer, ans.issuer);
	sup_proc_call(ledger, MSG_BUNDLE_GET, &msg_bundle_get_table, &get, -1, on_user_bundle,
	    order);
}

static enum mc_err
on_user_add(const struct sup_asking *asking, const struct base_item *item)
{
	struct sup_proc *signer = sup_signer(asking->sup, CONFIG_OPERATORS, SUP_ACTIVE);
	struct msg_adm_user_add msg;
	struct msg_user_issue issue = {0};
	struct order *order;
	enum mc_err ret = msg_decode(&msg_adm_user_add_table, item->payload, &msg);

	if (ret != MC_OK) {
		return ret;
	}
	order = order_new(asking);
	if (signer == NULL || signer->chan == NULL) {
		finish(order, MC_ENOTREADY, "the operators' signer does not run; meshca status says why");
		return MC_OK;
	}
	base_copy(issue.request_id, order->request_id, sizeof(issue.request_id));
	issue.name = msg.name;
	issue.role = msg.role;
	issue.key_alg = msg.key_alg;
	issue.key = msg.key;
	issue.actor = base_span_str(order->actor);
	issue.from = base_span_str(HERE);
	sup_proc_call(signer, MSG_USER_ISSUE, &msg_user_issue_table, &issue, -1, on_user_issued,
	    order);
	return MC_OK;
}

static const struct {
	uint16_t type;
	enum mc_err (*fn)(const struct sup_asking *asking, const struct base_item *item);
} ORDERS[] = {
    {MSG_ADM_STATUS, on_status},
    {MSG_ADM_UNSEAL, on_unseal},
    {MSG_ADM_RELOAD, on_reload},
    {MSG_ADM_ROTATE, on_rotate},
    {MSG_ADM_ENV_ADD, on_env_add},
    {MSG_ADM_USER_ADD, on_user_add},
    {MSG_ADM_CLOCK, on_clock},
    {MSG_ADM_CA_CRL, on_ca_crl},
};

enum mc_err
sup_order(const struct sup_asking *asking, const struct base_item *item)
{
	for (size_t i = 0; i < sizeof(ORDERS) / sizeof(ORDERS[0]); i++) {
		if (ORDERS[i].type == item->type) {
			base_log(item->type == MSG_ADM_STATUS ? LOG_LVL_DEBUG : LOG_LVL_INFO,
			    "admin-order", LOG_STR("order", msg_type_name(item->type)),
			    LOG_INT("uid", asking->uid), LOG_END);
			return ORDERS[i].fn(asking, item);
		}
	}
	return MC_FAIL(MC_EFRAME, "%s on the local socket", msg_type_name(item->type));
}
