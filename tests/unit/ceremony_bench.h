/* SPDX-License-Identifier: Apache-2.0 */
/* A ceremony in this process: what ca/ceremony_main.c hands over, without it. */
#ifndef TESTS_CEREMONY_BENCH_H
#define TESTS_CEREMONY_BENCH_H

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "ca/ceremony.h"

static struct msg_ctl_ceremony bench_order;

void
ceremony_progress(struct ceremony *ceremony, const char *fmt, ...)
{
	(void)fmt;
	ceremony->progress_count++;
}

static inline struct base_secret *
bench_secret(const char *text)
{
	struct base_secret *secret = base_secret_new(strlen(text));

	base_copy(base_secret_ptr(secret), text, strlen(text));
	return secret;
}

/* Folders: NULL is none. Its passphrases are "staging secret" and "root secret". */
static inline void
bench_open(struct ceremony *ceremony, const char *environment_dir, const char *root_dir)
{
	*ceremony = (struct ceremony){.order = &bench_order};
	bench_order = (struct msg_ctl_ceremony){
	    .actor = base_span_str("uid 0"), .from = base_span_str("local socket")};
	base_crypto_random(bench_order.request_id, sizeof(bench_order.request_id));
	for (size_t i = 0; i <= MSG_KEY_DIR_ROOT; i++) {
		ceremony->dirs[i] = -1;
	}
	if (environment_dir != NULL) {
		ceremony->dirs[MSG_KEY_DIR_ENVIRONMENT] =
		    open(environment_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(ceremony->dirs[MSG_KEY_DIR_ENVIRONMENT], 0);
	}
	if (root_dir != NULL) {
		ceremony->dirs[MSG_KEY_DIR_ROOT] =
		    open(root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(ceremony->dirs[MSG_KEY_DIR_ROOT], 0);
	}
	ceremony->passphrases[MSG_KEY_ENVIRONMENT] = bench_secret("staging secret");
	ceremony->passphrases[MSG_KEY_ROOT] = bench_secret("root secret");
}

/* What was read or handed over is forgotten, as between two runs. */
static inline void
bench_forget(struct ceremony *ceremony)
{
	for (size_t i = 0; i <= MSG_KEY_ROOT; i++) {
		keyfile_free(ceremony->files[i]);
		ceremony->files[i] = NULL;
	}
}

static inline void
bench_close(struct ceremony *ceremony)
{
	bench_forget(ceremony);
	for (size_t i = 0; i <= MSG_KEY_ROOT; i++) {
		base_secret_free(ceremony->passphrases[i]);
	}
	for (size_t i = 0; i <= MSG_KEY_DIR_ROOT; i++) {
		if (ceremony->dirs[i] >= 0) {
			(void)close(ceremony->dirs[i]);
		}
	}
	base_chan_free(ceremony->ledger);
}

#endif
