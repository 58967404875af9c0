/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field tables, for msg_*.c only. A list names every field of a struct in order:
 *
 *     #define ISSUE(F, S) F(S, FIXED, request_id, 16) F(S, U8, profile, 0) ...
 *     MSG_TABLE(msg_issue, ISSUE)
 *
 * A list that disagrees with its struct does not compile: a second struct is declared from the list
 * and compared field by field (name, type, place); a field that padding would hide is
 * missed by neither, since an initialiser made from the list must be neither short nor long.
 */
#ifndef BASE_MSG_TABLE_H
#define BASE_MSG_TABLE_H

#include <stddef.h>

#include "base/msg.h"

#pragma GCC diagnostic error "-Wmissing-field-initializers"

#define MSG_DECL_U8(name, max) uint8_t name;
#define MSG_DECL_U32(name, max) uint32_t name;
#define MSG_DECL_U64(name, max) uint64_t name;
#define MSG_DECL_I64(name, max) int64_t name;
#define MSG_DECL_FIXED(name, max) uint8_t name[max];
#define MSG_DECL_SPAN(name, max) struct base_span name;

#define MSG_ZERO_U8 0
#define MSG_ZERO_U32 0
#define MSG_ZERO_U64 0
#define MSG_ZERO_I64 0
#define MSG_ZERO_FIXED {0}
#define MSG_ZERO_SPAN {NULL, 0}

#define MSG_KIND_U8 MSG_F_U8
#define MSG_KIND_U32 MSG_F_U32
#define MSG_KIND_U64 MSG_F_U64
#define MSG_KIND_I64 MSG_F_U64
#define MSG_KIND_FIXED MSG_F_FIXED
#define MSG_KIND_SPAN MSG_F_SPAN

#define MSG_ROW_DECL(S, kind, name, max) MSG_DECL_##kind(name, max)
#define MSG_ROW_ZERO(S, kind, name, max) MSG_ZERO_##kind,
#define MSG_ROW_FIELD(S, kind, name, max)                                              \
	{#name, MSG_KIND_##kind, offsetof(struct S, name), max},
#define MSG_ROW_SAME(S, kind, name, max)                                               \
	_Static_assert(offsetof(struct S, name) == offsetof(struct S##_listed, name) &&        \
	    __builtin_types_compatible_p(__typeof__(((struct S *)0)->name),                \
	    __typeof__(((struct S##_listed *)0)->name)), #S "." #name);

#define MSG_TABLE(S, LIST)                                                             \
	struct S##_listed {                                                            \
		LIST(MSG_ROW_DECL, S)                                                  \
	};                                                                             \
	LIST(MSG_ROW_SAME, S)                                                          \
	_Static_assert(sizeof(struct S) == sizeof(struct S##_listed), #S);             \
	_Static_assert(sizeof(struct S) <= MSG_STRUCT_MAX, #S);                        \
	static const struct S S##_whole __attribute__((unused)) = {LIST(MSG_ROW_ZERO, S)}; \
	static const struct msg_field S##_fields[] = {LIST(MSG_ROW_FIELD, S)};         \
	const struct msg_table S##_table = {#S, S##_fields,                            \
	    sizeof(S##_fields) / sizeof(S##_fields[0]), sizeof(struct S)};

/* Every answer begins so. */
#define MSG_STATUS(F, S) F(S, U32, status, 0) F(S, SPAN, detail, LIMIT_DETAIL)

/* Most bytes of a list of DNS names, each with its NUL. */
#define MSG_DNS_NAMES_MAX (LIMIT_DNS_NAMES * (LIMIT_DNS_NAME + 1))
/* Certificate subjects as RFC 4514 text, and what an event was done to. */
#define MSG_SUBJECT_MAX 512
#define MSG_ACTION_MAX 64
#define MSG_FROM_MAX 128 /* an address and port, or "local socket" */
#define MSG_NOTE_MAX 512
#define MSG_KEY_ID_MAX 64

#endif
