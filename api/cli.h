/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `meshca` share: outcome, output, files, passphrases. */
#ifndef API_CLI_H
#define API_CLI_H

#include "api/cli_args.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

/* Exit statuses: an interface, documented in --help. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,      /* refused or failed */
	CLI_USAGE = 2,       /* the command line is wrong */
	CLI_UNREACHABLE = 3, /* nobody answers there */
	CLI_NOT_FOUND = 4,   /* no such thing */
	CLI_DENIED = 5,      /* not allowed, or not recognised */
	CLI_DIFFERS = 6      /* inventory diff: there is a difference */
};

#define CLI_CONFIG_DEFAULT "/etc/meshca/meshca.yaml"

struct cli {
	struct cli_args args;
	bool json;
};

/* --- outcome --- */
/* Reports a failure on standard error: "meshca: ..." or, with --json, one object
 * {"error": word, "detail": text}. Returns code. */
int cli_fail(const struct cli *cli, enum cli_exit code, const char *word, const char *fmt, ...)
    MC_PRINTF(4, 5);
/* The same for an error code and this thread's record; the exit status follows from
 * the class. */
int cli_fail_err(const struct cli *cli, enum mc_err err);
/* The same for a code and detail that another process sent. */
int cli_fail_remote(const struct cli *cli, enum mc_err err, struct base_span detail);
/* Exit status of an error: by class, MC_EPEER and MC_EDEADLINE are CLI_UNREACHABLE. */
enum cli_exit cli_exit_of(enum mc_err err);
/* Prints text from outside: line ends stay, what else a terminal could obey becomes a space or '?', as does what
 * is not UTF-8. */
void cli_put(FILE *out, const char *text);
/* A progress line on standard error, as cli_put() prints it. */
void cli_note(const char *fmt, ...) MC_PRINTF(1, 2);
/* Says the outcome of an act on standard output: the sentence, as cli_put() prints it, or
 * {"outcome": sentence}. */
void cli_done(const struct cli *cli, const char *fmt, ...) MC_PRINTF(2, 3);

/* --- files --- */
/* Reads a whole file of at most max bytes into out. MC_EIO names path and reason. */
enum mc_err cli_file_read(const char *path, size_t max, struct base_buf *out) MC_MUST_CHECK;
/* Writes DIR/name whole (new file, fsync, rename) with this mode. */
enum mc_err cli_file_write(const char *dir, const char *name, unsigned mode,
    struct base_span bytes) MC_MUST_CHECK;
/* Makes the directory (mode 0700) unless it is there. */
enum mc_err cli_file_dir(const char *dir) MC_MUST_CHECK;
/* Writes to the file of --out, whole, or into the device or pipe that it is; without it to standard
 * output. MC_EIO names path and reason. */
enum mc_err cli_output(const char *path, struct base_span bytes) MC_MUST_CHECK;

/* --- passphrases --- */
/* From the file that an option names (mode must not let others read; "-" is standard input), or,
 * where it is not given, from the controlling terminal without echo, asked twice if it is a new one.
 * Returns NULL with the failure recorded (MC_EUSAGE: no terminal either; it names the option). */
struct base_secret *cli_passphrase(const struct cli *cli, const char *option, const char *prompt,
    bool is_new) MC_DEALLOC(base_secret_free);

/* --- the verbs, by file --- */
int cli_init(struct cli *cli);              /* cli_program.c */
int cli_ledger_verify(struct cli *cli);
/* environment add while the daemon is down: meshcad runs the ceremony itself, and asks for what the
 * configuration has no file of. */
int cli_program_environment_add(struct cli *cli);
int cli_environment_add(struct cli *cli);   /* cli_daemon.c */
int cli_status(struct cli *cli);
int cli_unseal(struct cli *cli);
int cli_reload(struct cli *cli);
int cli_clock_accept(struct cli *cli);
int cli_issuer_rotate(struct cli *cli);
int cli_crl_renew(struct cli *cli);
int cli_svid_fetch(struct cli *cli);        /* cli_svid.c */
int cli_cert_list(struct cli *cli);         /* cli_cert.c */
int cli_cert_show(struct cli *cli);
int cli_cert_issue(struct cli *cli);
int cli_cert_revoke(struct cli *cli);
int cli_issuer_list(struct cli *cli);       /* cli_authority.c */
int cli_bundle(struct cli *cli);
int cli_crl(struct cli *cli);
int cli_event_list(struct cli *cli);        /* cli_event.c */
int cli_user_add(struct cli *cli);          /* cli_user.c */
int cli_user_list(struct cli *cli);
int cli_user_remove(struct cli *cli);
int cli_inventory_lint(struct cli *cli);    /* cli_inventory.c */
int cli_inventory_show(struct cli *cli);
int cli_inventory_environments(struct cli *cli);
int cli_inventory_schema(struct cli *cli);
int cli_inventory_explain(struct cli *cli);
int cli_inventory_apply(struct cli *cli);   /* cli_apply.c */
int cli_inventory_diff(struct cli *cli);
int cli_inventory_applied(struct cli *cli);
int cli_inventory_import(struct cli *cli);  /* cli_import.c */
int cli_manifests_render(struct cli *cli);  /* cli_manifests.c */
int cli_manifests_model(struct cli *cli);
int cli_manifests_model_schema(struct cli *cli);
int cli_manifests_mesh_config(struct cli *cli);
int cli_manifests_explain(struct cli *cli);
int cli_manifests_generate(struct cli *cli); /* cli_generate.c */
int cli_manifests_check(struct cli *cli);
int cli_manifests_templates(struct cli *cli); /* cli_templates.c */

#endif
