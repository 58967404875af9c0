/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the ceremony program for one act: what it needs is opened here, it does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"
#include "rotation/sup.h"

struct run {
	enum msg_ceremony act;
	char *environment; /* "" for the root */
	char *actor, *from;
	struct base_secret *passphrase, *root_passphrase;
	int key;      /* environment.pem or root.pem, or -1 */
	uint8_t slot; /* of key */
	int dir;      /* folder to write into, or -1 */
	void (*progress)(void *self, struct base_span line);
	void (*done)(void *self, enum mc_err status, const char *detail);
	void *self;
	enum mc_err status;
	char detail[LIMIT_DETAIL + 1];
};

static void
run_free(struct run *run)
{
	if (run->key >= 0) {
		(void)close(run->key);
	}
	if (run->dir >= 0) {
		(void)close(run->dir);
	}
	base_secret_free(run->passphrase);
	base_secret_free(run->root_passphrase);
	free(run->environment);
	free(run->actor);
	free(run->from);
	free(run);
}

static enum mc_err
open_folder(struct run *run, const char *path)
{
	enum mc_err ret = sup_keys_folder(path, 0, 0);

	if (ret != MC_OK) {
		return ret;
	}
	run->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return run->dir >= 0 ? MC_OK : MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
}

static enum mc_err
open_key(struct run *run, uint8_t slot, const char *dir, const char *name)
{
	run->slot = slot;
	run->key = sup_keys_open(dir, name);
	return run->key >= 0 ? MC_OK : mc_err_last()->code;
}

static enum mc_err
open_files(struct run *run, const struct config *config, const struct config_environment *env)
{
	enum mc_err ret = MC_OK;

	switch (run->act) {
	case MSG_CEREMONY_ROOT:
		return open_folder(run, config->root_key_dir);
	case MSG_CEREMONY_OPERATORS:
		return open_folder(run, env->key_dir);
	case MSG_CEREMONY_ENVIRONMENT:
		ret = open_folder(run, env->key_dir);
		return ret != MC_OK ? ret
		    : open_key(run, MSG_KEY_ROOT, config->root_key_dir, "root.pem");
	case MSG_CEREMONY_ISSUING:
		ret = open_folder(run, env->key_dir);
		return ret != MC_OK ? ret
		    : open_key(run, MSG_KEY_ENVIRONMENT, env->key_dir, "environment.pem");
	case MSG_CEREMONY_CRL:
		return open_key(run, MSG_KEY_ENVIRONMENT, env->key_dir, "environment.pem");
	default:
		return MC_FAIL(MC_EINTERNAL, "act %u", (unsigned)run->act);
	}
}

static enum mc_err
take_passphrases(struct run *run, const struct sup_act *act, const struct config_environment *env)
{
	if (act->root_passphrase != NULL) {
		run->root_passphrase = sup_keys_copy(sup_secret_span(act->root_passphrase));
	}
	if (env == NULL) {
		return MC_OK;
	}
	if (act->passphrase != NULL) {
		run->passphrase = sup_keys_copy(sup_secret_span(act->passphrase));
		return MC_OK;
	}
	if (env->passphrase_file == NULL) {
		return MC_FAIL(MC_ESEALED, "%s has no passphrase_file; give its passphrase",
		    env->name);
	}
	run->passphrase = sup_keys_passphrase(env->passphrase_file);
	return run->passphrase != NULL ? MC_OK : mc_err_last()->code;
}

/* --- the program's side --- */
static enum mc_err
on_request(struct sup_proc *proc, const struct base_item *item)
{
	struct run *run = proc->owner;
	struct msg_ctl_progress msg;
	enum mc_err ret;

	if (item->type != MSG_CTL_PROGRESS) {
		return MC_FAIL(MC_EFRAME, "%s from a ceremony", msg_type_name(item->type));
	}
	ret = msg_decode(&msg_ctl_progress_table, item->payload, &msg);
	if (ret == MC_OK) {
		if (run->progress != NULL) {
			run->progress(run->self, msg.text);
		}
		sup_proc_answer(proc, item->type, item->corr, MC_OK, "");
	}
	return ret;
}

/* Any refused step ends the act: the first refusal is the reason. */
static void
note(struct run *run, enum mc_err status, const struct base_item *item)
{
	struct base_span detail = item != NULL ? sup_answer_detail(item)
	    : base_span_str("the ceremony program ended early; see the log");

	run->status = status;
	sup_text_set(run->detail, detail);
}

static void
on_step(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup_proc *proc = self;
	struct run *run = proc->owner;

	if (status != MC_OK && item != NULL && run->status == MC_EPEER) {
		note(run, status, item);
		sup_proc_stop(proc);
	}
}

static void
on_act(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup_proc *proc = self;
	struct run *run = proc->owner;

	if (run->status == MC_EPEER) {
		note(run, status, item);
	}
	sup_proc_stop(proc);
}

static void
on_end(struct sup_proc *proc)
{
	struct run *run = proc->owner;

	proc->sup->ceremony = NULL;
	base_log(run->status == MC_OK ? LOG_LVL_INFO : LOG_LVL_ERROR, "ceremony-ended",
	    LOG_STR("of", run->environment), LOG_INT("act", run->act),
	    LOG_STR("outcome", run->status == MC_OK ? "done" : mc_err_word(run->status)),
	    LOG_STR("detail", run->detail), LOG_STR("actor", run->actor), LOG_END);
	run->done(run->self, run->status, run->detail);
	run_free(run);
}

static void
hand_secret(struct sup_proc *proc, uint8_t slot, struct base_secret *secret)
{
	struct run *run = proc->owner;
	struct msg_ctl_unseal msg = {.slot = slot, .environment = base_span_str(run->environment)};

	if (secret != NULL) {
		msg.passphrase = sup_secret_span(secret);
		sup_proc_call(proc, MSG_CTL_UNSEAL, &msg_ctl_unseal_table, &msg, -1, on_step, proc);
	}
}

static void
hand_file(struct sup_proc *proc, uint8_t slot, int fd)
{
	struct run *run = proc->owner;
	struct msg_ctl_keyfile msg = {.slot = slot,
	    .environment = base_span_str(run->environment)};

	if (fd >= 0) {
		sup_proc_call(proc, MSG_CTL_KEYFILE, &msg_ctl_keyfile_table, &msg, fd, on_step, proc);
	}
}

static void
begin(struct sup_proc *proc)
{
	static const struct msg_empty empty = {0};
	struct run *run = proc->owner;
	struct msg_ctl_ceremony msg = {.act = (uint8_t)run->act,
	    .environment = base_span_str(run->environment), .actor = base_span_str(run->actor),
	    .from = base_span_str(run->from)};

	hand_file(proc, run->act == MSG_CEREMONY_ROOT ? MSG_KEY_DIR_ROOT : MSG_KEY_DIR_ENVIRONMENT,
	    run->dir);
	hand_file(proc, run->slot, run->key);
	hand_secret(proc, MSG_KEY_ENVIRONMENT, run->passphrase);
	hand_secret(proc, MSG_KEY_ROOT, run->root_passphrase);
	sup_proc_call(proc, MSG_CTL_START, &msg_empty_table, &empty, -1, on_step, proc);
	base_crypto_random(msg.request_id, sizeof(msg.request_id));
	sup_proc_call(proc, MSG_CTL_CEREMONY, &msg_ctl_ceremony_table, &msg, -1, on_act, proc);
}

enum mc_err
sup_ceremony(struct sup *sup, const struct sup_act *act)
{
	const struct config_environment *env = NULL;
	struct run *run;
	enum mc_err ret;

	if (sup->ceremony != NULL || sup->stopping) {
		return MC_FAIL(MC_EBUSY, "another ceremony is under way; try again in a moment");
	}
	if (act->environment != NULL) {
		env = config_environment(sup->config, act->environment);
		if (env == NULL) {
			return MC_FAIL(MC_ENOTFOUND, "no environment %.63s in the configuration",
			    act->environment);
		}
	}
	run = base_xcalloc(1, sizeof(*run));
	*run = (struct run){.act = act->act, .key = -1, .dir = -1, .progress = act->progress,
	    .done = act->done, .self = act->self, .status = MC_EPEER};
	run->environment = base_xstrdup(env != NULL ? env->name : "");
	run->actor = base_xstrdup(act->asker.actor);
	run->from = base_xstrdup(act->asker.from);
	ret = take_passphrases(run, act, env);
	if (ret == MC_OK) {
		ret = open_files(run, sup->config, env);
	}
	if (ret != MC_OK) {
		run_free(run);
		return ret;
	}
	sup->ceremony = sup_proc_add(sup, MSG_ROLE_CEREMONY, env != NULL ? env->name : "root");
	sup->ceremony->owner = run;
	sup->ceremony->on_request = on_request;
	sup->ceremony->on_end = on_end;
	sup->ceremony->phase = SUP_STANDBY; /* one act, never restarted */
	sup_proc_start(sup->ceremony);
	begin(sup->ceremony);
	return MC_OK;
}
