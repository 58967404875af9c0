/* SPDX-License-Identifier: Apache-2.0 */
/* A changed configuration: valid as a whole and applicable while running, or not applied at all. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"
#include "rotation/sup.h"

struct reload {
	sup_done_fn done;
	void *self;
	unsigned pending; /* answers to come, and one for the starter */
	enum mc_err status;
	char detail[LIMIT_DETAIL + 1];
};

/* --- what cannot change while running --- */
static bool
same_address(const struct config_address *a, const struct config_address *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static enum mc_err
fixed(const char *key)
{
	return MC_FAIL(MC_ECONFIG, "%s cannot change while meshcad runs; restart it, or put back "
	    "the old value", key);
}

static enum mc_err
check_fixed(const struct config *old, const struct config *new)
{
	const struct {
		const char *key;
		bool same;
	} rows[] = {
	    {"instance", old->instance == new->instance},
	    {"state_dir", strcmp(old->state_dir, new->state_dir) == 0},
	    {"run_dir", strcmp(old->run_dir, new->run_dir) == 0},
	    {"ledger.path", strcmp(old->ledger_path, new->ledger_path) == 0},
	    {"rest.listen", same_address(&old->rest, &new->rest)},
	    {"probes.listen", same_address(&old->probes, &new->probes)},
	    {"front_user", old->front_uid == new->front_uid},
	    {"ledger_user", old->ledger_uid == new->ledger_uid},
	    {"keeper_user", old->keeper_uid == new->keeper_uid},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].same) {
			return fixed(rows[i].key);
		}
	}
	for (size_t i = 0; i < old->environment_count; i++) {
		const struct config_environment *was = &old->environments[i];
		const struct config_environment *is = config_environment(new, was->name);

		if (is == NULL) {
			return MC_FAIL(MC_ECONFIG, "environment %s is gone from the file; restart "
			    "meshcad to take it out of service, or put it back", was->name);
		}
		if (!same_address(&was->grpc, &is->grpc)) {
			return fixed("grpc.listen");
		}
		if (strcmp(was->trust_domain, is->trust_domain) != 0) {
			return fixed("trust_domain");
		}
	}
	return MC_OK;
}

/* --- what a signer reads --- */
static bool
same_names(const struct config_environment *a, const struct config_environment *b)
{
	if (a->server_name_count != b->server_name_count) {
		return false;
	}
	for (size_t i = 0; i < a->server_name_count; i++) {
		if (strcmp(a->server_names[i], b->server_names[i]) != 0) {
			return false;
		}
	}
	return true;
}

static bool
same_policy(const struct config_environment *a, const struct config_environment *b)
{
	return a->svid_ttl_s == b->svid_ttl_s && a->svid_max_ttl_s == b->svid_max_ttl_s &&
	    a->server_ttl_s == b->server_ttl_s && a->leaf_rsa == b->leaf_rsa &&
	    a->leaf_p256 == b->leaf_p256 && a->leaf_p384 == b->leaf_p384 &&
	    a->rate_per_s == b->rate_per_s && a->rate_burst == b->rate_burst &&
	    a->verify_sample == b->verify_sample && a->crl_lifetime_s == b->crl_lifetime_s &&
	    a->uid == b->uid && strcmp(a->key_dir, b->key_dir) == 0 && same_names(a, b);
}

/* --- applying --- */
static void
settle(struct reload *reload)
{
	if (--reload->pending > 0) {
		return;
	}
	base_log(reload->status == MC_OK ? LOG_LVL_INFO : LOG_LVL_ERROR, "configuration-applied",
	    LOG_STR("detail", reload->detail), LOG_END);
	reload->done(reload->self, reload->status, reload->detail);
	free(reload);
}

static void
note(struct reload *reload, enum mc_err status, struct base_span detail)
{
	if (reload->detail[0] == '\0') {
		sup_text_set(reload->detail, detail);
	}
	/* a role that died gets the new configuration at its restart; a sealed signer waits */
	if (reload->status == MC_OK && status != MC_EPEER && status != MC_ESEALED) {
		reload->status = status;
	}
}

static void
on_config(void *self, enum mc_err status, const struct base_item *item)
{
	struct reload *reload = self;

	if (status != MC_OK && item != NULL) {
		note(reload, status, sup_answer_detail(item));
	}
	settle(reload);
}

static void
on_handover(void *self, enum mc_err status, const char *detail)
{
	struct reload *reload = self;

	if (status != MC_OK) {
		note(reload, status, base_span_str(detail));
	}
	settle(reload);
}

static void
hand_configs(struct sup *sup, struct reload *reload)
{
	static const struct msg_empty empty = {0};
	static const enum msg_role roles[] = {MSG_ROLE_LEDGER, MSG_ROLE_FRONT, MSG_ROLE_KEEPER};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct sup_proc *proc = sup_find(sup, roles[i]);
		int fd;

		if (proc == NULL || proc->chan == NULL) {
			continue;
		}
		fd = config_to_memfd(sup->config);
		reload->pending++;
		sup_proc_call(proc, MSG_CTL_CONFIG, &msg_empty_table, &empty, fd, on_config, reload);
		if (fd >= 0) {
			(void)close(fd);
		}
	}
}

static void
add_environment(struct sup *sup, const struct config_environment *env)
{
	struct sup_proc *front = sup_find(sup, MSG_ROLE_FRONT);

	if (front != NULL && front->chan != NULL) {
		sup_listen_hand_over(front, env->name);
	}
	sup_proc_start(sup_proc_add(sup, MSG_ROLE_SIGNER, env->name));
}

static void
apply(struct sup *sup, struct config *old, struct reload *reload)
{
	static const struct base_span none = {0};
	const struct config *new = sup->config;

	hand_configs(sup, reload);
	for (size_t i = 0; i < new->environment_count; i++) {
		const struct config_environment *is = &new->environments[i];
		const struct config_environment *was = config_environment(old, is->name);

		if (was == NULL) {
			add_environment(sup, is);
		} else if (!same_policy(was, is)) {
			reload->pending++;
			sup_handover(sup, is->name, none, on_handover, reload);
		}
	}
	if (!same_policy(&old->operators, &new->operators) ||
	    old->user_ttl_s != new->user_ttl_s) {
		reload->pending++;
		sup_handover(sup, CONFIG_OPERATORS, none, on_handover, reload);
	}
}

void
sup_reload(struct sup *sup, const struct sup_asker *asker, sup_done_fn done, void *self)
{
	struct config *new = config_read(sup->config_path), *old = sup->config;
	struct reload *reload;
	enum mc_err ret = new != NULL ? config_load_files(new) : MC_ECONFIG;

	if (ret == MC_OK) {
		ret = check_fixed(old, new);
	}
	if (ret == MC_OK) {
		ret = sup_listen(sup, new);
	}
	if (ret != MC_OK) {
		base_log_err(LOG_LVL_ERROR, "configuration-refused", ret);
		config_free(new);
		done(self, ret, mc_err_last()->detail);
		return;
	}
	reload = base_xcalloc(1, sizeof(*reload));
	*reload = (struct reload){.done = done, .self = self, .pending = 1};
	sup->config = new;
	apply(sup, old, reload);
	config_free(old);
	sup_config_record(sup, asker);
	settle(reload);
}

/* --- the ledger's record --- */
static void
on_recorded(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup *sup = self;

	sup->recorded = status == MC_OK;
	if (status != MC_OK && item != NULL) {
		base_log(LOG_LVL_WARN, "configuration-not-recorded",
		    LOG_STR("code", mc_err_word(status)), LOG_END);
	}
}

void
sup_config_record(struct sup *sup, const struct sup_asker *asker)
{
	const struct config *config = sup->config;
	struct sup_proc *ledger = sup_find(sup, MSG_ROLE_LEDGER);
	struct msg_config_put msg = {.actor = base_span_str(asker->actor),
	    .from = base_span_str(asker->from)};

	sup->recorded = false;
	if (ledger == NULL) {
		return;
	}
	base_crypto_random(msg.request_id, sizeof(msg.request_id));
	base_copy(msg.hash, config->hash, sizeof(msg.hash));
	msg.text = base_span_of(config->text,
	    config->text_len < LIMIT_BULK_CHUNK ? config->text_len : LIMIT_BULK_CHUNK);
	sup_proc_call(ledger, MSG_CONFIG_PUT, &msg_config_put_table, &msg, -1, on_recorded, sup);
}
