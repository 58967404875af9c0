/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes and the record of the last failure.
 *
 * A code is class << 8 | number. Callers outside the folder that failed branch
 * on the class; api/ maps classes to HTTP and gRPC statuses in one table.
 * The origin records the cause once with MC_FAIL(); nobody overwrites it on the
 * way up. Library code never logs: the dispatcher of a role logs once.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

#define MC_MUST_CHECK __attribute__((warn_unused_result))
#define MC_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define MC_NORETURN __attribute__((noreturn))
#if defined(__GNUC__) && !defined(__clang__)
/* GCC finds leaks and double frees of opaque types through this; clang 14 lacks it. */
#define MC_DEALLOC(fn) __attribute__((malloc, malloc(fn, 1)))
#else
#define MC_DEALLOC(fn)
#endif

/* What kind of fault it is, and so whose: the first six are the caller's, BUSY is nobody's. */
enum mc_class {
	MC_CLASS_NONE = 0,
	MC_CLASS_USAGE = 1,    /* malformed request: HTTP 400, gRPC INVALID_ARGUMENT */
	MC_CLASS_AUTH = 2,     /* who are you: 401, UNAUTHENTICATED */
	MC_CLASS_DENIED = 3,   /* you may not: 403, PERMISSION_DENIED */
	MC_CLASS_NOTFOUND = 4, /* 404, NOT_FOUND */
	MC_CLASS_CONFLICT = 5, /* 409, ALREADY_EXISTS or FAILED_PRECONDITION */
	MC_CLASS_POLICY = 6,   /* well-formed, refused by policy: 422, INVALID_ARGUMENT */
	MC_CLASS_BUSY = 7,     /* come back later: 429/503, RESOURCE_EXHAUSTED/UNAVAILABLE */
	MC_CLASS_IO = 8,       /* disk, socket, peer process: 503, UNAVAILABLE */
	MC_CLASS_CRYPTO = 9,   /* the library refused: 500, INTERNAL */
	MC_CLASS_INTERNAL = 10 /* a bug: 500, INTERNAL */
};

#define MC_CODE(class, number) (((uint32_t)(class) << 8) | (uint32_t)(number))

enum mc_err {
	MC_OK = 0,
#define MC_ERR(class, number, name, word, text) name = MC_CODE(class, number),
#include "base/err_list.h"
#undef MC_ERR
	MC_ERR_MAX = 0x7fffffff /* forces a 32-bit enum */
};

/* Class of a code; MC_CLASS_NONE for MC_OK. */
enum mc_class mc_err_class(enum mc_err err);

/* Stable kebab-case word for a code ("csr-key-weak"), used in problem types, logs
 * and metrics. Static storage; never NULL ("unknown" for a foreign code). */
const char *mc_err_word(enum mc_err err);

/* One English sentence for a code, without the particulars. Static; never NULL. */
const char *mc_err_text(enum mc_err err);

/* A code received from another process, checked against the list.
 * Returns the code, or MC_EINTERNAL when it is none of ours. */
enum mc_err mc_err_from_wire(uint32_t raw);

#define MC_ERR_DETAIL_MAX 256

/* What the origin of the last failure of this thread recorded. */
struct mc_err_record {
	enum mc_err code;
	const char *file; /* static */
	int line;
	char detail[MC_ERR_DETAIL_MAX]; /* one line, printable, no secret */
};

/* The calling thread's record. Valid until its next MC_FAIL. Never NULL. */
const struct mc_err_record *mc_err_last(void);

/* Records a failure at its origin and yields its code:
 *     ret = MC_FAIL(MC_ECSR_DER, "trailing %zu bytes", n);
 * The detail is cut to MC_ERR_DETAIL_MAX and cleaned of control bytes. */
#define MC_FAIL(code, ...) mc_err_fail((code), __FILE__, __LINE__, __VA_ARGS__)
enum mc_err mc_err_fail(enum mc_err code, const char *file, int line, const char *fmt, ...)
    MC_PRINTF(4, 5);

#endif
