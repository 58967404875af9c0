/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/load/load.h"

#define ROUNDS 3000
#define SYNCS 300

static double
verify_cost(EVP_PKEY *key, const uint8_t *message, size_t len)
{
	uint8_t signature[512];
	size_t signature_len = sizeof(signature);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int64_t start_us;

	if (key == NULL || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, signature, &signature_len, message, len) != 1) {
		load_die("cannot sign");
	}
	start_us = base_clock_cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		if (EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
		    EVP_DigestVerify(md, signature, signature_len, message, len) != 1) {
			load_die("cannot verify");
		}
	}
	start_us = base_clock_cpu_us() - start_us;
	EVP_MD_CTX_free(md);
	return (double)start_us / ROUNDS;
}

static double
sign_cost(EVP_PKEY *key, const uint8_t *message, size_t len)
{
	uint8_t signature[512];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int64_t start_us = base_clock_cpu_us();

	for (int i = 0; i < ROUNDS; i++) {
		size_t signature_len = sizeof(signature);

		if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
		    EVP_DigestSign(md, signature, &signature_len, message, len) != 1) {
			load_die("cannot sign");
		}
	}
	start_us = base_clock_cpu_us() - start_us;
	EVP_MD_CTX_free(md);
	return (double)start_us / ROUNDS;
}

void
load_crypto_limit(enum load_kind kind, double *verify_us, double *sign_us)
{
	uint8_t message[500] = {0};
	EVP_PKEY *issuer = EVP_EC_gen("P-256");
	EVP_PKEY *key = kind == LOAD_P256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);

	*verify_us = verify_cost(key, message, sizeof(message));
	*sign_us = sign_cost(issuer, message, sizeof(message));
	EVP_PKEY_free(issuer);
	EVP_PKEY_free(key);
}

void
load_sync_limit(const char *dir, double *median_us, double *worst_us)
{
	static uint8_t page[4096];
	struct load_times times = {0};
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/sync-probe", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (int i = 0; i < SYNCS; i++) {
		int64_t start_us = base_clock_boot_us();

		memset(page, i, sizeof(page));
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fdatasync(fd) != 0) {
			load_die("cannot write %s", path);
		}
		load_times_add(&times, base_clock_boot_us() - start_us);
	}
	(void)close(fd);
	(void)unlink(path);
	*median_us = load_times_ms(&times, 0.5) * 1000;
	*worst_us = load_times_ms(&times, 1) * 1000;
}
