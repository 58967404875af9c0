/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#define MEM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_SANITIZED 1
#endif
#endif
#ifndef MEM_SANITIZED
#define MEM_SANITIZED 0
#endif

#define SECURE_HEAP_MIN 64 /* bytes of its smallest block */

struct base_secret {
	unsigned char *ptr;
	size_t len;
	size_t cap;
};

static void MC_NORETURN
die_no_memory(void)
{
	static const char LINE[] = "{\"level\":\"error\",\"event\":\"out-of-memory\"}\n";

	(void)!write(STDERR_FILENO, LINE, sizeof(LINE) - 1);
	abort();
}

void *
base_xcalloc(size_t count, size_t size)
{
	void *ptr = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

	if (ptr == NULL) {
		die_no_memory();
	}
	return ptr;
}

void *
base_xreallocarray(void *ptr, size_t count, size_t size)
{
	void *grown = reallocarray(ptr, count == 0 ? 1 : count, size == 0 ? 1 : size);

	if (grown == NULL) {
		die_no_memory();
	}
	return grown;
}

char *
base_xstrndup(const char *str, size_t len)
{
	size_t have = len == 0 ? 0 : strnlen(str, len); /* an empty span has no pointer */
	char *copy = base_xcalloc(have + 1, 1);

	base_copy(copy, str, have);
	return copy;
}

char *
base_xstrdup(const char *str)
{
	return base_xstrndup(str, strlen(str));
}

char *
base_xasprintf(const char *fmt, ...)
{
	va_list args;
	char *str = NULL;
	int len;

	va_start(args, fmt);
	len = vasprintf(&str, fmt, args);
	va_end(args);
	if (len < 0 || str == NULL) {
		die_no_memory();
	}
	return str;
}

void
base_freezero(void *ptr, size_t len)
{
	if (ptr == NULL) {
		return;
	}
	explicit_bzero(ptr, len);
	free(ptr);
}

void
base_copy(void *to, const void *from, size_t len)
{
	if (len > 0) {
		memcpy(to, from, len);
	}
}

void
base_secret_free(struct base_secret *secret)
{
	if (secret == NULL) {
		return;
	}
	OPENSSL_secure_clear_free(secret->ptr, secret->cap);
	free(secret);
}

struct base_secret *
base_secret_new(size_t len)
{
	struct base_secret *secret = base_xcalloc(1, sizeof(*secret));

	/* One byte more: a length of 0 is no special case, and a NUL always follows. */
	secret->len = len;
	secret->cap = len + 1;
	secret->ptr = OPENSSL_secure_zalloc(secret->cap);
	if (secret->ptr == NULL) {
		die_no_memory();
	}
	return secret;
}

unsigned char *
base_secret_ptr(struct base_secret *secret)
{
	return secret->ptr;
}

size_t
base_secret_len(const struct base_secret *secret)
{
	return secret->len;
}

void
base_secret_shrink(struct base_secret *secret, size_t len)
{
	if (len < secret->len) {
		explicit_bzero(secret->ptr + len, secret->len - len);
		secret->len = len;
	}
}

struct base_secret *
base_secret_read_fd(int fd, size_t max)
{
	/* Room for the newline, and for the one byte that shows it is too long. */
	struct base_secret *secret = base_secret_new(max + 2);
	size_t len = 0;

	while (len < max + 2) {
		ssize_t got = read(fd, secret->ptr + len, max + 2 - len);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			(void)MC_FAIL(MC_EIO, "reading a secret: %s", strerror(errno));
			base_secret_free(secret);
			return NULL;
		}
		if (got == 0) {
			break;
		}
		len += (size_t)got;
	}
	if (len > 0 && secret->ptr[len - 1] == '\n') {
		len--;
	}
	if (len > max) {
		(void)MC_FAIL(MC_ETOOBIG, "a secret is longer than %zu bytes", max);
		base_secret_free(secret);
		return NULL;
	}
	base_secret_shrink(secret, len);
	return secret;
}

/* --- allocator hooks for OpenSSL --- */

/*
 * TLS gets a block for each record and gives it back after. For glibc's allocator it is a large one, whose release puts
 * the heap in order each time; so each thread keeps a few, wiped as all are. Sanitizers see every
 * block come and go.
 */
#define RECORD_MIN 16384 /* RFC 8446 5.1: the longest record; more is OpenSSL's header, padding and tag */
#define RECORD_ROOM (RECORD_MIN + 1024)
#define RECORD_SLACK 64 /* what the allocator may round up */
#define RECORDS_MAX 4

static _Thread_local struct {
	void *blocks[RECORDS_MAX];
	unsigned count;
} records;

static bool
is_record(size_t len)
{
	return len > RECORD_MIN && len <= RECORD_ROOM;
}

static void *
hook_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_record(len)) {
		return records.count > 0 ? records.blocks[--records.count] : malloc(RECORD_ROOM);
	}
	return len == 0 ? NULL : malloc(len);
}

static void
hook_free(void *ptr, const char *file, int line)
{
	size_t have = ptr != NULL ? malloc_usable_size(ptr) : 0;

	(void)file;
	(void)line;
	if (!MEM_SANITIZED && have >= RECORD_ROOM && have < RECORD_ROOM + RECORD_SLACK &&
	    records.count < RECORDS_MAX) {
		explicit_bzero(ptr, have);
		records.blocks[records.count++] = ptr;
		return;
	}
	base_freezero(ptr, have);
}

static void *
hook_realloc(void *ptr, size_t len, const char *file, int line)
{
	size_t have;
	void *moved;

	if (ptr == NULL) {
		return hook_malloc(len, file, line);
	}
	if (len == 0) {
		hook_free(ptr, file, line);
		return NULL;
	}
	have = malloc_usable_size(ptr);
	if (len <= have) {
		return ptr;
	}
	moved = malloc(len);
	if (moved != NULL) {
		memcpy(moved, ptr, have);
		hook_free(ptr, file, line);
	}
	return moved;
}

/* Locks all memory only if the limit can be lifted for good: a limit would turn later
 * allocations into failures, also after the ids are dropped. ONFAULT keeps thread
 * stacks and arenas that were never touched out of RAM. */
static void
lock_all(void)
{
	const struct rlimit lifted = {RLIM_INFINITY, RLIM_INFINITY};

	if (MEM_SANITIZED || setrlimit(RLIMIT_MEMLOCK, &lifted) != 0) {
		return;
	}
	(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

void
base_mem_harden(int harden_keys)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	/* The leak checker has to trace the process. */
	if (!MEM_SANITIZED) {
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	}
	if (CRYPTO_set_mem_functions(hook_malloc, hook_realloc, hook_free) != 1) {
		static const char LINE[] =
		    "{\"level\":\"error\",\"event\":\"allocator-hooks-refused\"}\n";

		(void)!write(STDERR_FILENO, LINE, sizeof(LINE) - 1);
		abort();
	}
	if (harden_keys) {
		lock_all();
	}
	/* Where the pages cannot be locked the heap still works, wiped and guarded; without
	 * a heap the wiping hooks above still hold. */
	(void)CRYPTO_secure_malloc_init(LIMIT_SECURE_HEAP, SECURE_HEAP_MIN);
}
