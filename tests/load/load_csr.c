/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests made beforehand: nothing but sending happens while time is taken. P-256 keys are cheap. RSA
 * moduli are products of pairs out of two sets of primes made once: each modulus comes once, and
 * a verifier cannot tell nor gain by it.
 */
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/mem.h"
#include "tests/load/load.h"

#define THREADS 2
#define PRIMES 700 /* on each side: 490,000 moduli */
#define PRIME_BYTES 128
#define REQUEST_MAX 4096
#define MAGIC 0x6d63616c6f616431ULL

/* --- DER --- */

static void
der_head(struct base_buf *buf, uint8_t tag, size_t len)
{
	base_buf_append_u8(buf, tag);
	if (len >= 256) {
		base_buf_append_u8(buf, 0x82);
		base_buf_append_u8(buf, (uint8_t)(len >> 8));
	} else if (len >= 128) {
		base_buf_append_u8(buf, 0x81);
	}
	base_buf_append_u8(buf, (uint8_t)len);
}

static void
der_wrap(struct base_buf *to, uint8_t tag, const struct base_buf *inner)
{
	der_head(to, tag, inner->len);
	base_buf_append(to, inner->ptr, inner->len);
}

/* One CSR as Istio's agent makes it: subject O="", a critical SAN with one URI. */
static void
csr_info(struct base_buf *out, struct base_span spki, uint32_t identity)
{
	static const uint8_t subject[] = {0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06, 0x03, 0x55, 0x04,
		0x0a, 0x13, 0x00};
	static const uint8_t version[] = {0x02, 0x01, 0x00};
	static const uint8_t san_oid[] = {0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff};
	static const uint8_t request_oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
		0x09, 0x0e};
	struct base_buf a;
	struct base_buf b;
	char name[128];
	char uri[256];
	char *colon;

	load_identity(identity, name, sizeof(name));
	colon = strchr(name, ':');
	*colon = '\0';
	(void)snprintf(uri, sizeof(uri), "spiffe://cluster.local/ns/%s/sa/%s", name, colon + 1);
	base_buf_init(&a, REQUEST_MAX);
	base_buf_init(&b, REQUEST_MAX);
	der_head(&a, 0x86, strlen(uri));
	base_buf_append_str(&a, uri);
	der_wrap(&b, 0x30, &a); /* GeneralNames */
	base_buf_reset(&a);
	base_buf_append(&a, san_oid, sizeof(san_oid));
	der_wrap(&a, 0x04, &b);
	base_buf_reset(&b);
	der_wrap(&b, 0x30, &a); /* Extension */
	base_buf_reset(&a);
	der_wrap(&a, 0x30, &b); /* Extensions */
	base_buf_reset(&b);
	base_buf_append(&b, request_oid, sizeof(request_oid));
	der_wrap(&b, 0x31, &a);
	base_buf_reset(&a);
	der_wrap(&a, 0x30, &b); /* Attribute */
	base_buf_reset(&b);
	base_buf_append(&b, version, sizeof(version));
	base_buf_append(&b, subject, sizeof(subject));
	base_buf_append_span(&b, spki);
	der_wrap(&b, 0xa0, &a);
	der_wrap(out, 0x30, &b);
	base_buf_clear(&a);
	base_buf_clear(&b);
}

/* The gRPC message: length prefix, csr, validity_duration, the metadata that Istio's agent sends. */
static void
message_append(struct base_buf *out, struct base_span der)
{
	static const uint8_t rest[] = {0x18, 0x80, 0xa3, 0x05, 0x22, 0x12, 0x0a, 0x10, 0x0a, 0x0a,
		'C', 'e', 'r', 't', 'S', 'i', 'g', 'n', 'e', 'r', 0x12, 0x02, 0x1a, 0x00};
	struct base_buf pem;
	size_t len;

	base_buf_init(&pem, REQUEST_MAX);
	base_enc_pem(&pem, "CERTIFICATE REQUEST", der);
	len = 3 + pem.len + sizeof(rest);
	base_buf_append(out, (const uint8_t[]){0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len}, 5);
	base_buf_append(out, (const uint8_t[]){0x0a, (uint8_t)(pem.len | 0x80),
	    (uint8_t)(pem.len >> 7)}, 3);
	base_buf_append(out, pem.ptr, pem.len);
	base_buf_append(out, rest, sizeof(rest));
	base_buf_clear(&pem);
}

static void
csr_append(struct base_buf *out, const struct base_buf *info, struct base_span algorithm,
    struct base_span signature)
{
	struct base_buf whole;
	struct base_buf der;

	base_buf_init(&whole, REQUEST_MAX);
	base_buf_init(&der, REQUEST_MAX);
	base_buf_append(&whole, info->ptr, info->len);
	base_buf_append_span(&whole, algorithm);
	der_head(&whole, 0x03, signature.len + 1);
	base_buf_append_u8(&whole, 0);
	base_buf_append_span(&whole, signature);
	der_wrap(&der, 0x30, &whole);
	if (base_buf_failed(&der)) {
		load_die("a CSR over %d bytes", REQUEST_MAX);
	}
	message_append(out, base_buf_span(&der));
	base_buf_clear(&whole);
	base_buf_clear(&der);
}

/* --- P-256 --- */

static void
p256_make(struct base_buf *out, uint32_t identity)
{
	static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
		0x03, 0x42, 0x00};
	static const uint8_t ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
		0x04, 0x03, 0x02};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t spki[sizeof(spki_head) + 65];
	uint8_t signature[80];
	size_t signature_len = sizeof(signature);
	size_t point_len = 0;
	struct base_buf info;

	base_copy(spki, spki_head, sizeof(spki_head));
	base_buf_init(&info, REQUEST_MAX);
	if (key == NULL || md == NULL ||
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, spki + sizeof(spki_head), 65,
	    &point_len) != 1 || point_len != 65) {
		load_die("cannot make a P-256 key");
	}
	csr_info(&info, base_span_of(spki, sizeof(spki)), identity);
	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, signature, &signature_len, info.ptr, info.len) != 1) {
		load_die("cannot sign a CSR");
	}
	csr_append(out, &info, base_span_of(ecdsa_sha256, sizeof(ecdsa_sha256)),
	    base_span_of(signature, signature_len));
	base_buf_clear(&info);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

/* --- RSA-2048 --- */

struct prime {
	BIGNUM *p;
	BIGNUM *d; /* 65537^-1 mod p-1 */
	BN_MONT_CTX *mont;
};

static struct prime primes[2 * PRIMES];

static bool
prime_fits(const BIGNUM *p)
{
	BIGNUM *less = BN_dup(p);
	bool ok = less != NULL && BN_sub_word(less, 1) == 1 && BN_mod_word(less, 65537) != 0;

	BN_free(less);
	return ok;
}

static void *
primes_thread(void *arg)
{
	size_t first = *(const size_t *)arg;
	BN_CTX *ctx = BN_CTX_new();

	for (size_t i = first; i < 2 * PRIMES; i += THREADS) {
		primes[i].p = BN_new();
		do {
			/* OpenSSL sets the two top bits: each product has 2,048. */
			if (BN_generate_prime_ex2(primes[i].p, PRIME_BYTES * 8, 0, NULL, NULL, NULL,
			    ctx) != 1) {
				load_die("cannot make a prime");
			}
		} while (!prime_fits(primes[i].p));
	}
	BN_CTX_free(ctx);
	return NULL;
}

static void
threads_run(void *(*run)(void *arg))
{
	pthread_t ids[THREADS];
	size_t numbers[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&ids[i], NULL, run, &numbers[i]) != 0) {
			load_die("cannot start a thread");
		}
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(ids[i], NULL);
	}
}

static void
primes_open(const char *dir)
{
	static uint8_t bytes[2 * PRIMES * PRIME_BYTES];
	char path[512];
	FILE *file;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *less = BN_new();
	BIGNUM *e = BN_new();

	(void)snprintf(path, sizeof(path), "%s/primes-%d.bin", dir, PRIMES);
	file = fopen(path, "r");
	if (file == NULL || fread(bytes, sizeof(bytes), 1, file) != 1) {
		(void)fprintf(stderr, "making %d primes of 1,024 bits once\n", 2 * PRIMES);
		threads_run(primes_thread);
		for (size_t i = 0; i < 2 * PRIMES; i++) {
			(void)BN_bn2binpad(primes[i].p, bytes + i * PRIME_BYTES, PRIME_BYTES);
		}
		file = fopen(path, "w");
		if (file == NULL || fwrite(bytes, sizeof(bytes), 1, file) != 1) {
			load_die("cannot write %s", path);
		}
	}
	(void)fclose(file);
	(void)BN_set_word(e, 65537);
	for (size_t i = 0; i < 2 * PRIMES; i++) {
		primes[i].p = BN_bin2bn(bytes + i * PRIME_BYTES, PRIME_BYTES, primes[i].p);
		primes[i].mont = BN_MONT_CTX_new();
		if (BN_copy(less, primes[i].p) == NULL || BN_sub_word(less, 1) != 1 ||
		    (primes[i].d = BN_mod_inverse(NULL, e, less, ctx)) == NULL ||
		    BN_MONT_CTX_set(primes[i].mont, primes[i].p, ctx) != 1) {
			load_die("%s is broken; remove it", path);
		}
	}
	BN_free(less);
	BN_free(e);
	BN_CTX_free(ctx);
}

/* PKCS #1 v1.5 by the Chinese remainder theorem. */
static void
rsa_sign(const struct prime *p, const struct prime *q, const struct base_buf *info,
    uint8_t out[2 * PRIME_BYTES])
{
	static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	size_t pad = 2 * PRIME_BYTES - sizeof(digest_info) - SHA256_DIGEST_LENGTH;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m = BN_new();
	BIGNUM *sp = BN_new();
	BIGNUM *sq = BN_new();
	BIGNUM *qinv;

	memset(out, 0xff, pad);
	out[0] = 0;
	out[1] = 1;
	out[pad - 1] = 0;
	base_copy(out + pad, digest_info, sizeof(digest_info));
	(void)SHA256(info->ptr, info->len, out + pad + sizeof(digest_info));
	(void)BN_bin2bn(out, 2 * PRIME_BYTES, m);
	qinv = BN_mod_inverse(NULL, q->p, p->p, ctx);
	if (qinv == NULL || BN_mod(sp, m, p->p, ctx) != 1 || BN_mod(sq, m, q->p, ctx) != 1 ||
	    BN_mod_exp_mont_consttime(sp, sp, p->d, p->p, ctx, p->mont) != 1 ||
	    BN_mod_exp_mont_consttime(sq, sq, q->d, q->p, ctx, q->mont) != 1 ||
	    BN_mod_sub(sp, sp, sq, p->p, ctx) != 1 || BN_mod_mul(sp, sp, qinv, p->p, ctx) != 1 ||
	    BN_mul(m, sp, q->p, ctx) != 1 || BN_add(m, m, sq) != 1 ||
	    BN_bn2binpad(m, out, 2 * PRIME_BYTES) < 0) {
		load_die("cannot sign with RSA");
	}
	BN_free(qinv);
	BN_free(m);
	BN_free(sp);
	BN_free(sq);
	BN_CTX_free(ctx);
}

static void
rsa_make(struct base_buf *out, uint32_t index, uint32_t identity)
{
	static const uint8_t spki_head[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a,
		0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f,
		0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00};
	static const uint8_t exponent[] = {0x02, 0x03, 0x01, 0x00, 0x01};
	static const uint8_t rsa_sha256[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
	const struct prime *p = &primes[index % PRIMES];
	const struct prime *q = &primes[PRIMES + index / PRIMES % PRIMES];
	uint8_t spki[sizeof(spki_head) + 2 * PRIME_BYTES + sizeof(exponent)];
	uint8_t signature[2 * PRIME_BYTES];
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_new();
	struct base_buf info;

	base_buf_init(&info, REQUEST_MAX);
	base_copy(spki, spki_head, sizeof(spki_head));
	if (BN_mul(n, p->p, q->p, ctx) != 1 || BN_num_bits(n) != 2048) {
		load_die("a modulus without 2,048 bits");
	}
	(void)BN_bn2binpad(n, spki + sizeof(spki_head), 2 * PRIME_BYTES);
	base_copy(spki + sizeof(spki_head) + sizeof(signature), exponent, sizeof(exponent));
	csr_info(&info, base_span_of(spki, sizeof(spki)), identity);
	rsa_sign(p, q, &info, signature);
	csr_append(out, &info, base_span_of(rsa_sha256, sizeof(rsa_sha256)),
	    base_span_of(signature, sizeof(signature)));
	base_buf_clear(&info);
	BN_free(n);
	BN_CTX_free(ctx);
}

/* --- the file --- */

static struct {
	enum load_kind kind;
	uint32_t count;
	uint32_t identities;
	uint64_t *lengths;
	struct base_buf parts[THREADS]; /* consecutive ranges */
} making;

static void *
requests_thread(void *arg)
{
	size_t number = *(const size_t *)arg;
	uint32_t first = (uint32_t)(making.count * number / THREADS);
	uint32_t end = (uint32_t)(making.count * (number + 1) / THREADS);
	struct base_buf *out = &making.parts[number];

	base_buf_init(out, (size_t)4 << 30);
	for (uint32_t i = first; i < end; i++) {
		size_t before = out->len;

		if (making.kind == LOAD_P256) {
			p256_make(out, i % making.identities);
		} else {
			rsa_make(out, i, i % making.identities);
		}
		making.lengths[i] = out->len - before;
	}
	return NULL;
}

static void
requests_make(const char *dir, const char *path, enum load_kind kind, uint32_t count,
    uint32_t identities)
{
	uint64_t head[3] = {MAGIC, count, identities};
	uint64_t at = 0;
	FILE *file;
	bool ok;

	if (kind == LOAD_RSA2048) {
		if (count > PRIMES * PRIMES) {
			load_die("at most %d RSA keys", PRIMES * PRIMES);
		}
		primes_open(dir);
	}
	(void)fprintf(stderr, "making %u requests with a key each, once\n", count);
	making.kind = kind;
	making.count = count;
	making.identities = identities;
	making.lengths = base_xcalloc(count, sizeof(uint64_t));
	threads_run(requests_thread);
	file = fopen(path, "w");
	ok = file != NULL && fwrite(head, sizeof(head), 1, file) == 1;
	for (uint32_t i = 0; ok && i <= count; i++) {
		ok = fwrite(&at, sizeof(at), 1, file) == 1;
		at += i < count ? making.lengths[i] : 0;
	}
	for (size_t i = 0; ok && i < THREADS; i++) {
		ok = fwrite(making.parts[i].ptr, making.parts[i].len, 1, file) == 1;
		base_buf_clear(&making.parts[i]);
	}
	if (!ok || fclose(file) != 0) {
		(void)unlink(path);
		load_die("cannot write %s", path);
	}
	free(making.lengths);
}

void
load_requests_open(struct load_requests *requests, const char *dir, enum load_kind kind,
    uint32_t count, uint32_t identities)
{
	char path[512];
	struct stat st;
	const uint64_t *head;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s-%u-%u.bin", dir,
	    kind == LOAD_P256 ? "p256" : "rsa2048", count, identities);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		requests_make(dir, path, kind, count, identities);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		load_die("cannot open %s", path);
	}
	head = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	(void)close(fd);
	if (head == MAP_FAILED || (size_t)st.st_size < (4 + (size_t)count) * 8 || head[0] != MAGIC ||
	    head[1] != count || head[2] != identities ||
	    (size_t)st.st_size != (4 + (size_t)count) * 8 + head[3 + count]) {
		load_die("%s is broken; remove it", path);
	}
	requests->count = count;
	requests->identities = identities;
	requests->offsets = head + 3;
	requests->bytes = (const uint8_t *)(head + 4 + count);
}

struct base_span
load_request(const struct load_requests *requests, uint32_t index)
{
	return base_span_of(requests->bytes + requests->offsets[index],
	    (size_t)(requests->offsets[index + 1] - requests->offsets[index]));
}
