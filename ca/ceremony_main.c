/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshca-ceremony: one act with a root or environment key, then gone. The only program that can build a
 * CA certificate. It blocks on the ledger: there is nothing else that it could do meanwhile.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ca/ceremony.h"

void
ceremony_progress(struct ceremony *ceremony, const char *fmt, ...)
{
	struct base_chan *control = role_control(ceremony->role);
	struct msg_ctl_progress progress;
	char line[LIMIT_DETAIL];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	progress.text = base_span_str(line);
	base_log(LOG_LVL_DEBUG, "ceremony-progress", LOG_STR("text", line), LOG_END);
	if (msg_send(control, MSG_CTL_PROGRESS, 0, ++ceremony->progress_count,
	        &msg_ctl_progress_table, &progress) == MC_OK) {
		base_chan_flush(control);
	}
}

static void *
make(struct role *role)
{
	struct ceremony *ceremony = base_xcalloc(1, sizeof(*ceremony));

	ceremony->role = role;
	for (size_t i = 0; i <= MSG_KEY_DIR_ROOT; i++) {
		ceremony->dirs[i] = -1;
	}
	return ceremony;
}

static void
unmake(void *self)
{
	struct ceremony *ceremony = self;

	for (size_t i = 0; i <= MSG_KEY_ROOT; i++) {
		keyfile_free(ceremony->files[i]);
		base_secret_free(ceremony->passphrases[i]);
	}
	for (size_t i = 0; i <= MSG_KEY_DIR_ROOT; i++) {
		if (ceremony->dirs[i] >= 0) {
			(void)close(ceremony->dirs[i]);
		}
	}
	base_chan_free(ceremony->ledger);
	config_free(ceremony->config);
	free(ceremony);
}

static enum mc_err
on_config(void *self, struct config *config)
{
	static const enum base_log_level LEVELS[] = {
	    [CONFIG_LOG_DEBUG] = LOG_LVL_DEBUG,
	    [CONFIG_LOG_INFO] = LOG_LVL_INFO,
	    [CONFIG_LOG_WARN] = LOG_LVL_WARN,
	    [CONFIG_LOG_ERROR] = LOG_LVL_ERROR,
	};
	struct ceremony *ceremony = self;

	if (ceremony->config != NULL) {
		config_free(config);
		return MC_FAIL(MC_ECONFLICT, "a ceremony does not reload");
	}
	ceremony->config = config;
	base_log_open("ceremony", NULL, LEVELS[config->log_level]);
	return MC_OK;
}

static enum mc_err
on_channel(void *self, const struct msg_ctl_channel *msg, int fd)
{
	struct ceremony *ceremony = self;

	if (msg->peer != MSG_ROLE_LEDGER || ceremony->ledger != NULL) {
		(void)close(fd);
		return MC_FAIL(MC_EUSAGE, "a ceremony has one channel, to the ledger");
	}
	ceremony->ledger = base_chan_new(NULL, fd, NULL, NULL, NULL);
	return msg_hello_send(ceremony->ledger, MSG_ROLE_CEREMONY, NULL);
}

static enum mc_err
on_keyfile(void *self, const struct msg_ctl_keyfile *msg, int fd)
{
	struct ceremony *ceremony = self;
	enum mc_err ret = MC_OK;

	if (msg->slot == MSG_KEY_DIR_ENVIRONMENT || msg->slot == MSG_KEY_DIR_ROOT) {
		if (ceremony->dirs[msg->slot] < 0) {
			ceremony->dirs[msg->slot] = fd;
			return MC_OK;
		}
		ret = MC_FAIL(MC_ECONFLICT, "a directory was handed over twice");
	} else if (msg->slot < MSG_KEY_ISSUING || msg->slot > MSG_KEY_ROOT) {
		ret = MC_FAIL(MC_EUSAGE, "key slot %u is not known", msg->slot);
	} else if (ceremony->files[msg->slot] != NULL) {
		ret = MC_FAIL(MC_ECONFLICT, "a key file was handed over twice");
	} else {
		ceremony->files[msg->slot] = keyfile_read(fd);
		ret = ceremony->files[msg->slot] == NULL ? mc_err_last()->code : MC_OK;
	}
	(void)close(fd);
	return ret;
}

static enum mc_err
on_unseal(void *self, const struct msg_ctl_unseal *msg)
{
	struct ceremony *ceremony = self;
	struct base_secret *secret;

	if (msg->slot != MSG_KEY_ENVIRONMENT && msg->slot != MSG_KEY_ROOT) {
		return MC_FAIL(MC_EUSAGE, "no passphrase is known for key slot %u", msg->slot);
	}
	secret = base_secret_new(msg->passphrase.len);
	base_copy(base_secret_ptr(secret), msg->passphrase.ptr, msg->passphrase.len);
	base_secret_free(ceremony->passphrases[msg->slot]);
	ceremony->passphrases[msg->slot] = secret;
	return MC_OK;
}

/* Becomes the owner of the directory that it writes into: a descriptor alone does not allow to create
 * a file in it. Owned by root: it stays root, which can write no more than that owner. */
static void
ids(void *self, uid_t *uid, gid_t *gid)
{
	struct ceremony *ceremony = self;
	int fd = ceremony->dirs[MSG_KEY_DIR_ENVIRONMENT] >= 0
	             ? ceremony->dirs[MSG_KEY_DIR_ENVIRONMENT]
	             : ceremony->dirs[MSG_KEY_DIR_ROOT];
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		*uid = st.st_uid;
		*gid = st.st_gid;
	}
}

static enum mc_err
start(void *self)
{
	struct ceremony *ceremony = self;

	if (ceremony->ledger == NULL) {
		return MC_FAIL(MC_ENOTREADY, "a ceremony without a ledger would leave no record");
	}
	role_status(ceremony->role, MSG_RS_READY, "");
	return MC_OK;
}

/* One act, one answer, and the end. */
static enum mc_err
on_ceremony(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct ceremony *ceremony = self;
	const struct msg_status_ans done = {.status = MC_OK};
	struct msg_ctl_ceremony order;
	char name[LIMIT_ENVIRONMENT + 1];
	enum mc_err ret = msg_decode(&msg_ctl_ceremony_table, item->payload, &order);

	if (ret != MC_OK || ceremony->ledger == NULL) {
		return ret != MC_OK ? ret : MC_FAIL(MC_EFRAME, "an act before the start");
	}
	base_span_copy_str(order.environment, name, sizeof(name));
	ceremony->order = &order;
	ceremony->env = name[0] == '\0' ? NULL : config_environment(ceremony->config, name);
	ret = ceremony_act(ceremony);
	if (ret == MC_OK) {
		ret = msg_send(chan, MSG_ANSWER(item->type), 0, item->corr, &msg_status_ans_table,
		    &done);
	} else {
		base_log_err(LOG_LVL_ERROR, "ceremony-failed", ret);
		ret = msg_send_failure(chan, item->type, item->corr, &msg_status_ans_table, ret);
	}
	base_chan_flush(chan);
	base_loop_stop(role_loop(ceremony->role));
	return ret;
}

static const struct msg_permit permits[] = {
    {MSG_CTL_CEREMONY, MSG_FROM(MSG_ROLE_SUPERVISOR), on_ceremony},
};

static const struct role_ops ops = {
    .role = MSG_ROLE_CEREMONY,
    .name = "ceremony",
    .holds_ca_key = true,
    .config = on_config,
    .channel = on_channel,
    .keyfile = on_keyfile,
    .unseal = on_unseal,
    .start = start,
    .ids = ids,
    .permits = permits,
    .permit_count = sizeof(permits) / sizeof(permits[0]),
};

int
main(void)
{
	return role_run(&ops, make, unmake);
}
