/* SPDX-License-Identifier: Apache-2.0 */
/* meshcad: the supervisor. Options, start, signals, end; its duties are in sup_*.c. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rotation/sup.h"

#define EXIT_USAGE 2

struct options {
	const char *config;
	bool init;
	bool reference;
	struct sup_init_options ceremonies;
};

static const char USAGE[] =
    "usage: meshcad --config FILE                      serve\n"
    "       meshcad --config FILE --init [--root-passphrase-file FILE]\n"
    "       meshcad --config FILE --environment-add NAME [--root-passphrase-file FILE]\n"
    "       meshcad --reference                        print the configuration keys\n"
    "       meshcad --version\n";

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	    {"init", no_argument, NULL, 'i'}, {"environment-add", required_argument, NULL, 'e'},
	    {"root-passphrase-file", required_argument, NULL, 'r'},
	    {"reference", no_argument, NULL, 'k'}, {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'i':
			options->init = true;
			break;
		case 'e':
			options->ceremonies.environment = optarg;
			break;
		case 'r':
			options->ceremonies.root_passphrase_file = optarg;
			break;
		case 'k':
			options->reference = true;
			break;
		case 'v':
			(void)printf("meshcad %s\n", MESHCA_VERSION);
			exit(0);
		case 'h':
			(void)fputs(USAGE, stdout);
			exit(0);
		default:
			return -1;
		}
	}
	if (optind != argc || (options->config == NULL && !options->reference) ||
	    (options->init && options->ceremonies.environment != NULL)) {
		(void)fputs(USAGE, stderr);
		return -1;
	}
	return 0;
}

static int
print_reference(void)
{
	struct base_buf out;

	base_buf_init(&out, LIMIT_CONFIG);
	config_reference(&out);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	base_buf_clear(&out);
	return 0;
}

/* --- the end --- */
static void
hang_up_all(struct sup *sup, bool ledger)
{
	for (struct sup_proc *proc = sup->procs; proc != NULL; proc = proc->next) {
		if ((proc->role == MSG_ROLE_LEDGER) == ledger && proc->phase != SUP_STOPPING) {
			sup_proc_stop(proc);
		}
	}
}

/* The ledger ends last: the others' last signatures still reach it. */
static void
on_turn(void *self)
{
	struct sup *sup = self;

	if (!sup->stopping) {
		return;
	}
	if (sup->procs == NULL) {
		base_loop_stop(sup->loop);
	} else if (sup->procs->role == MSG_ROLE_LEDGER && sup->procs->next == NULL) {
		hang_up_all(sup, true);
	}
}

static void
on_front_drained(void *self, enum mc_err status, const struct base_item *item)
{
	struct sup *sup = self;

	(void)status;
	(void)item;
	hang_up_all(sup, false);
}

static void
front_too_slow(struct sup_proc *front)
{
	base_log(LOG_LVL_WARN, "drain-cut-short", LOG_INT("seconds", SUP_DRAIN_S), LOG_END);
	hang_up_all(front->sup, false);
}

static void
stop(struct sup *sup)
{
	static const struct msg_empty empty = {0};
	struct sup_proc *front = sup_find(sup, MSG_ROLE_FRONT);

	if (sup->stopping) {
		return;
	}
	sup->stopping = true;
	base_log(LOG_LVL_INFO, "stopping", LOG_END);
	if (front == NULL || front->chan == NULL) {
		hang_up_all(sup, false);
		return;
	}
	front->on_timer = front_too_slow;
	base_timer_set_us(front->timer, SUP_DRAIN_S * INT64_C(1000000));
	sup_proc_call(front, MSG_CTL_DRAIN, &msg_empty_table, &empty, -1, on_front_drained, sup);
}

static void
on_reloaded(void *self, enum mc_err status, const char *detail)
{
	(void)self;
	(void)status;
	(void)detail; /* logged where it happened */
}

static void
on_signal(void *self, int signo)
{
	struct sup *sup = self;

	if (signo == SIGCHLD) {
		sup_reap(sup);
	} else if (signo == SIGHUP) {
		if (sup->serving && !sup->stopping) {
			sup_reload(sup, &(struct sup_asker){"SIGHUP", "signal"}, on_reloaded, NULL);
		}
	} else if (sup->serving) {
		stop(sup);
	} else {
		(void)fprintf(stderr, "meshcad: interrupted by SIG%s; run the same command again\n",
		    sigabbrev_np(signo));
		base_loop_stop(sup->loop);
	}
}

/* --- the beginning --- */
static void
start_roles(struct sup *sup)
{
	const struct config *config = sup->config;
	struct sup_proc *keeper;

	sup_proc_start(sup_proc_add(sup, MSG_ROLE_LEDGER, NULL));
	for (size_t i = 0; i < config->environment_count; i++) {
		sup_proc_start(sup_proc_add(sup, MSG_ROLE_SIGNER, config->environments[i].name));
	}
	sup_proc_start(sup_proc_add(sup, MSG_ROLE_OPERATORS, CONFIG_OPERATORS));
	keeper = sup_proc_add(sup, MSG_ROLE_KEEPER, NULL);
	keeper->on_request = sup_crl_request;
	sup_proc_start(keeper);
	sup_proc_start(sup_proc_add(sup, MSG_ROLE_FRONT, NULL));
}

static int
serve(struct sup *sup)
{
	sup->serving = true;
	if (sup_listen(sup, sup->config) != MC_OK) {
		return -1;
	}
	sup->admin = sup_admin_new(sup);
	if (sup->admin == NULL) {
		return -1;
	}
	base_loop_hook(sup->loop, on_turn, sup);
	start_roles(sup);
	sup_users_warn(sup);
	base_log(LOG_LVL_INFO, "serving", LOG_STR("version", MESHCA_VERSION), LOG_END);
	base_loop_run(sup->loop);
	base_log(LOG_LVL_INFO, "stopped", LOG_END);
	sup_admin_free(sup->admin);
	return 0;
}

static int
run(struct sup *sup, const struct options *options)
{
	bool ceremonies = options->init || options->ceremonies.environment != NULL;
	enum mc_err ret = MC_OK;

	sup->config = config_read(options->config);
	if (sup->config == NULL) {
		return -1;
	}
	/* ceremonies tell people what they do; the log would only interrupt */
	base_log_open("supervisor", NULL, ceremonies ? LOG_LVL_WARN
	    : (enum base_log_level)sup->config->log_level);
	ret = sup_users_check(sup->config, geteuid());
	if (ret == MC_OK) {
		ret = config_load_files(sup->config);
	}
	if (ret == MC_OK) {
		ret = sup_keys_folders(sup->config, &sup->lock);
	}
	if (ret != MC_OK) {
		return -1;
	}
	sup->loop = base_loop_new();
	base_loop_signals(sup->loop, on_signal, sup);
	if (ceremonies) {
		return sup_init(sup, &options->ceremonies);
	}
	return serve(sup);
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	struct sup sup = {.lock = -1};
	int status;

	base_mem_harden(0);
	base_log_open("supervisor", NULL, LOG_LVL_INFO);
	if (parse(argc, argv, &options) != 0) {
		return EXIT_USAGE;
	}
	if (options.reference) {
		return print_reference();
	}
	sup.config_path = options.config;
	status = run(&sup, &options);
	if (status < 0) {
		(void)fprintf(stderr, "meshcad: %s\n", mc_err_last()->detail);
		status = 1;
	}
	sup_listen_clear(&sup);
	config_free(sup.config);
	base_loop_free(sup.loop);
	return status;
}
