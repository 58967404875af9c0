/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. Small allocations abort when there is no memory: the supervisor
 * restarts the role. Sizes that come from outside are bounded by base/limits.h
 * before they reach these functions.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

void *base_xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
/* Resizes an array of count items; aborts on overflow or out of memory. */
void *base_xreallocarray(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *base_xstrdup(const char *str) __attribute__((returns_nonnull));
/* At most len bytes, up to a NUL; str may be NULL if len is 0. */
char *base_xstrndup(const char *str, size_t len) __attribute__((returns_nonnull));
char *base_xasprintf(const char *fmt, ...) MC_PRINTF(1, 2) __attribute__((returns_nonnull));
/* Wipes len bytes, then frees. NULL is fine. */
void base_freezero(void *ptr, size_t len);
/* Copies len bytes; the one place where memcpy's NULL-with-zero case is settled. */
void base_copy(void *to, const void *from, size_t len);

/* A passphrase or key in memory that is locked, not dumped, and wiped on free. */
struct base_secret;
void base_secret_free(struct base_secret *secret);
struct base_secret *base_secret_new(size_t len) MC_DEALLOC(base_secret_free);
unsigned char *base_secret_ptr(struct base_secret *secret);
size_t base_secret_len(const struct base_secret *secret);
/* Makes it shorter (len <= current), wiping the rest. */
void base_secret_shrink(struct base_secret *secret, size_t len);
/* Reads at most max bytes from fd to its end with unbuffered read(2), strips one
 * trailing newline. Returns NULL and records MC_EIO or MC_ETOOBIG on failure. */
struct base_secret *base_secret_read_fd(int fd, size_t max) MC_DEALLOC(base_secret_free);

/* First act of every program, before any OpenSSL call: wiping allocator hooks,
 * secure heap (keys only), no core dump, not dumpable. harden_keys also locks all
 * memory, for programs that hold a CA key. (limits.md C3: freed DER copies of a key
 * stay on the plain heap otherwise.) */
void base_mem_harden(int harden_keys);

#endif
