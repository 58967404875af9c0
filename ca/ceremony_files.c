/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "ca/ceremony.h"

#define KEPT_PREFIX "issuing-"
#define KEPT_LEN    (sizeof("issuing-01234567.pem") - 1)

static const char *
name_of(enum msg_key_slot slot)
{
	switch (slot) {
	case MSG_KEY_ISSUING:
		return CEREMONY_ISSUING;
	case MSG_KEY_ENVIRONMENT:
		return CEREMONY_ENVIRONMENT;
	case MSG_KEY_ROOT:
		return CEREMONY_ROOT;
	case MSG_KEY_DIR_ENVIRONMENT:
	case MSG_KEY_DIR_ROOT:
	default:
		return "";
	}
}

static int
dir_of(const struct ceremony *ceremony, enum msg_key_slot slot)
{
	return ceremony->dirs[slot == MSG_KEY_ROOT ? MSG_KEY_DIR_ROOT : MSG_KEY_DIR_ENVIRONMENT];
}

/* The environment's passphrase opens its issuing keys, too. */
static struct base_secret *
passphrase_of(const struct ceremony *ceremony, enum msg_key_slot slot)
{
	return ceremony->passphrases[slot == MSG_KEY_ROOT ? MSG_KEY_ROOT : MSG_KEY_ENVIRONMENT];
}

static struct keyfile *
read_at(int dir_fd, const char *name)
{
	struct keyfile *keyfile;
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		(void)MC_FAIL(dir_fd < 0 || errno == ENOENT ? MC_ENOTFOUND : MC_EIO,
		    "no key file %s: %s", name,
		    dir_fd < 0 ? "no directory was handed over" : strerror(errno));
		return NULL;
	}
	keyfile = keyfile_read(fd);
	(void)close(fd);
	return keyfile;
}

struct keyfile *
ceremony_file(struct ceremony *ceremony, enum msg_key_slot slot)
{
	if (ceremony->files[slot] == NULL) {
		ceremony->files[slot] = read_at(dir_of(ceremony, slot), name_of(slot));
	}
	return ceremony->files[slot];
}

enum mc_err
ceremony_open(struct ceremony *ceremony, enum msg_key_slot slot, EVP_PKEY **key)
{
	struct keyfile *keyfile = ceremony_file(ceremony, slot);
	struct base_secret *passphrase = passphrase_of(ceremony, slot);

	if (keyfile == NULL) {
		return mc_err_last()->code;
	}
	if (passphrase == NULL) {
		return MC_FAIL(MC_ESEALED, "%s needs its passphrase", name_of(slot));
	}
	return keyfile_open(keyfile, passphrase, key);
}

enum mc_err
ceremony_may_write(const struct ceremony *ceremony, enum msg_key_slot slot)
{
	struct base_secret *passphrase = passphrase_of(ceremony, slot);
	int dir_fd = dir_of(ceremony, slot);

	if (passphrase == NULL || base_secret_len(passphrase) == 0) {
		return MC_FAIL(MC_ESEALED, "%s needs a passphrase", name_of(slot));
	}
	if (dir_fd < 0) {
		return MC_FAIL(MC_EUSAGE, "no directory for %s was handed over", name_of(slot));
	}
	if (faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
		return MC_FAIL(MC_EIO, "the directory of %s cannot be written: %s",
		    name_of(slot), strerror(errno));
	}
	return MC_OK;
}

enum mc_err
ceremony_write(struct ceremony *ceremony, enum msg_key_slot slot, EVP_PKEY *key,
    const struct base_span *certs, size_t count)
{
	enum mc_err ret = ceremony_may_write(ceremony, slot);

	return ret != MC_OK ? ret
	                    : keyfile_write(dir_of(ceremony, slot), name_of(slot), key,
	                          passphrase_of(ceremony, slot), certs, count);
}

static bool
has_expired(const struct keyfile *keyfile)
{
	struct cert_view view;

	return cert_view_parse(keyfile_cert(keyfile, 0), &view) == MC_OK &&
	       view.not_after_at < base_clock_now();
}

/* Removes a kept key that signed nothing which still lives. A file that cannot be read stays: a person
 * has to look at it. */
static void
prune_one(int dir_fd, const char *name)
{
	struct keyfile *keyfile;

	if (strlen(name) != KEPT_LEN ||
	    strncmp(name, KEPT_PREFIX, sizeof(KEPT_PREFIX) - 1) != 0 ||
	    strcmp(name + KEPT_LEN - 4, ".pem") != 0) {
		return;
	}
	keyfile = read_at(dir_fd, name);
	if (keyfile != NULL && has_expired(keyfile)) {
		(void)unlinkat(dir_fd, name, 0);
	}
	keyfile_free(keyfile);
}

static enum mc_err
prune(int dir_fd)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (dir == NULL) {
		return MC_FAIL(MC_EIO, "listing the key directory: %s", strerror(errno));
	}
	while ((entry = readdir(dir)) != NULL) {
		prune_one(dir_fd, entry->d_name);
	}
	(void)closedir(dir);
	return MC_OK;
}

enum mc_err
ceremony_keep_issuing(struct ceremony *ceremony)
{
	int dir_fd = dir_of(ceremony, MSG_KEY_ISSUING);
	struct keyfile *present;
	uint8_t id[BASE_SHA256_LEN];
	char hex[9];
	char kept[KEPT_LEN + 1];

	if (dir_fd < 0) {
		return MC_FAIL(MC_EUSAGE, "no key directory was handed over");
	}
	present = read_at(dir_fd, CEREMONY_ISSUING);
	if (present == NULL) {
		/* The environment's first issuing CA: nothing to keep. */
		return mc_err_last()->code == MC_ENOTFOUND ? MC_OK : mc_err_last()->code;
	}
	base_crypto_sha256(keyfile_cert(present, 0), id);
	keyfile_free(present);
	base_enc_hex(id, 4, hex);
	(void)snprintf(kept, sizeof(kept), KEPT_PREFIX "%s.pem", hex);
	/* A run that was killed after this may have linked it before. */
	if (linkat(dir_fd, CEREMONY_ISSUING, dir_fd, kept, 0) != 0 && errno != EEXIST) {
		return MC_FAIL(MC_EIO, "keeping %s: %s", kept, strerror(errno));
	}
	return prune(dir_fd);
}
