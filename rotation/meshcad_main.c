/* SPDX-License-Identifier: Apache-2.0 */
/* meshcad: the supervisor. Options, and what is set up before it serves; its duties are in sup_*.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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
	sup_life_start(sup);
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
	base_loop_signals(sup->loop, sup_life_signal, sup);
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
