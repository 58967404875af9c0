/* SPDX-License-Identifier: Apache-2.0 */
/* meshcad --init and --environment-add: the ceremonies whose key files are missing, in order. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/crypto.h"
#include "rotation/sup.h"

struct step {
	enum msg_ceremony act;
	const struct config_environment *env; /* NULL: the root */
	struct base_secret *passphrase;
};

struct init {
	struct sup *sup;
	struct base_secret *root_passphrase;
	struct step steps[LIMIT_ENVIRONMENTS + 2];
	size_t count, next;
	int status;
};

/* --- passphrases --- */
static struct base_secret *
ask_once(int tty, const char *what)
{
	struct termios shown, hidden;
	struct base_secret *secret = base_secret_new(LIMIT_PASSPHRASE);
	size_t len = 0;

	if (tcgetattr(tty, &shown) != 0) {
		base_secret_free(secret);
		return NULL;
	}
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	(void)dprintf(tty, "%s: ", what);
	while (len < LIMIT_PASSPHRASE && read(tty, base_secret_ptr(secret) + len, 1) == 1 &&
	    base_secret_ptr(secret)[len] != '\n') {
		len++;
	}
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	(void)dprintf(tty, "\n");
	base_secret_shrink(secret, len);
	return secret;
}

static struct base_secret *
ask(const char *name, bool is_root, bool twice)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char *what = base_xasprintf("Passphrase of %s", name);
	struct base_secret *first = NULL, *second = NULL;

	if (tty < 0) {
		(void)MC_FAIL(MC_EPASSPHRASE, "no passphrase of %s and no terminal to ask on; %s", name,
		    is_root ? "give --root-passphrase-file" : "set its passphrase_file");
		goto out;
	}
	first = ask_once(tty, what);
	if (twice) {
		second = ask_once(tty, "Again");
	}
	if (first == NULL || base_secret_len(first) < 8 ||
	    (twice && (second == NULL || base_secret_len(second) != base_secret_len(first) ||
		!base_crypto_equal(base_secret_ptr(first), base_secret_ptr(second),
		    base_secret_len(first))))) {
		(void)MC_FAIL(MC_EPASSPHRASE, "shorter than 8 characters, or the two differ");
		base_secret_free(first);
		first = NULL;
	}
out:
	base_secret_free(second);
	free(what);
	if (tty >= 0) {
		(void)close(tty);
	}
	return first;
}

/* --- which acts are missing --- */
static void
add_step(struct init *init, enum msg_ceremony act, const struct config_environment *env)
{
	init->steps[init->count++] = (struct step){.act = act, .env = env};
}

/* issuing.pem is what the act writes last; a second run of an act goes on from what it finds. */
static void
add_missing(struct init *init, const struct config_environment *env, enum msg_ceremony act)
{
	if (!sup_keys_have(env->key_dir, "issuing.pem")) {
		add_step(init, act, env);
	}
}

static enum mc_err
plan(struct init *init, const char *only)
{
	const struct config *config = init->sup->config;
	bool root = sup_keys_have(config->root_key_dir, "root.pem");

	/* A root is made before everything else: without one, keys there are those of a root kept elsewhere. */
	if (!root && (only != NULL || sup_keys_any(config))) {
		return MC_FAIL(MC_ENOTFOUND, "%s/root.pem is missing; run meshca init first, or bring "
		    "the root key's folder", config->root_key_dir);
	}
	if (only == NULL) {
		/* also when root.pem is there: a run that ended early may not have recorded it */
		add_step(init, MSG_CEREMONY_ROOT, NULL);
	}
	if (only != NULL && config_environment(config, only) == NULL) {
		return MC_FAIL(MC_ENOTFOUND, "no environment %s in the configuration; add it there "
		    "first", only);
	}
	for (size_t i = 0; i < config->environment_count; i++) {
		if (only == NULL || strcmp(only, config->environments[i].name) == 0) {
			add_missing(init, &config->environments[i], MSG_CEREMONY_ENVIRONMENT);
		}
	}
	if (only == NULL || strcmp(only, CONFIG_OPERATORS) == 0) {
		add_missing(init, &config->operators, MSG_CEREMONY_OPERATORS);
	}
	if (root && init->count == (only == NULL ? 1 : 0)) {
		return MC_FAIL(MC_ECONFLICT, "the keys of %s are there already; nothing was changed",
		    only != NULL ? only : "this authority");
	}
	return MC_OK;
}

static bool
needs_root(const struct step *step)
{
	return step->act == MSG_CEREMONY_ROOT || step->act == MSG_CEREMONY_ENVIRONMENT;
}

/* All before the first act: a missing one must not leave half an authority. */
static enum mc_err
gather(struct init *init, const char *root_file)
{
	for (size_t i = 0; i < init->count; i++) {
		struct step *step = &init->steps[i];

		if (needs_root(step) && init->root_passphrase == NULL) {
			init->root_passphrase = root_file != NULL ? sup_keys_passphrase(root_file)
			    : ask("the root", true, !sup_keys_have(init->sup->config->root_key_dir, "root.pem"));
			if (init->root_passphrase == NULL) {
				return mc_err_last()->code;
			}
		}
		if (step->env != NULL) {
			step->passphrase = step->env->passphrase_file != NULL
			    ? sup_keys_passphrase(step->env->passphrase_file)
			    : ask(step->env->name, false, !sup_keys_have(step->env->key_dir, "environment.pem"));
			if (step->passphrase == NULL) {
				return mc_err_last()->code;
			}
		}
	}
	return MC_OK;
}

/* --- running them --- */
static void run_next(struct init *init);

static void
on_progress(void *self, struct base_span line)
{
	(void)self;
	(void)fprintf(stderr, "  %.*s\n", (int)line.len, (const char *)line.ptr);
}

static void
stop_all(struct init *init, int status)
{
	init->status = status;
	base_loop_stop(init->sup->loop);
}

static void
on_done(void *self, enum mc_err status, const char *detail)
{
	struct init *init = self;

	if (status != MC_OK) {
		(void)fprintf(stderr, "meshcad: %s (what is done is kept: run the same command again)\n",
		    detail[0] != '\0' ? detail : mc_err_text(status));
		stop_all(init, 1);
		return;
	}
	init->next++;
	run_next(init);
}

static void
run_next(struct init *init)
{
	const struct step *step = &init->steps[init->next];
	struct sup_act act = {.progress = on_progress, .done = on_done, .self = init};

	if (init->next == init->count) {
		(void)fprintf(stderr, "done\n");
		stop_all(init, 0);
		return;
	}
	act.act = step->act;
	act.environment = step->env != NULL ? step->env->name : NULL;
	act.passphrase = step->passphrase;
	act.root_passphrase = needs_root(step) ? init->root_passphrase : NULL;
	act.asker = (struct sup_asker){"meshcad --init", "command line"};
	(void)fprintf(stderr, "[%zu/%zu] %s\n", init->next + 1, init->count,
	    step->env != NULL ? step->env->name : "root");
	if (sup_ceremony(init->sup, &act) != MC_OK) {
		on_done(init, mc_err_last()->code, mc_err_last()->detail);
	}
}

/* The ledger ends in order; a ceremony that was interrupted is hung up on. */
static void
end_all(struct sup *sup)
{
	sup->stopping = true;
	for (struct sup_proc *proc = sup->procs; proc != NULL; proc = proc->next) {
		if (proc->phase != SUP_STOPPING) {
			sup_proc_stop(proc);
		}
	}
	while (sup->procs != NULL) {
		base_loop_turn(sup->loop, 100);
	}
}

int
sup_init(struct sup *sup, const struct sup_init_options *options)
{
	struct init init = {.sup = sup, .status = 1};
	enum mc_err ret = plan(&init, options->environment);

	if (ret == MC_OK) {
		ret = gather(&init, options->root_passphrase_file);
	}
	if (ret == MC_OK) {
		sup_proc_start(sup_proc_add(sup, MSG_ROLE_LEDGER, NULL));
		run_next(&init);
		base_loop_run(sup->loop);
		end_all(sup);
	} else {
		(void)fprintf(stderr, "meshcad: %s\n", mc_err_last()->detail);
	}
	for (size_t i = 0; i < init.count; i++) {
		base_secret_free(init.steps[i].passphrase);
	}
	base_secret_free(init.root_passphrase);
	return init.status;
}
