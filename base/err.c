/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct err_row {
	enum mc_err code;
	const char *word;
	const char *text;
};

static const struct err_row ERR_ROWS[] = {
    {MC_OK, "ok", "It worked."},
#define MC_ERR(class, number, name, word, text) {name, word, text},
#include "base/err_list.h"
#undef MC_ERR
};

static _Thread_local struct mc_err_record last_record;

static const struct err_row *
row_find(uint32_t raw)
{
	for (size_t i = 0; i < sizeof(ERR_ROWS) / sizeof(ERR_ROWS[0]); i++) {
		if ((uint32_t)ERR_ROWS[i].code == raw) {
			return &ERR_ROWS[i];
		}
	}
	return NULL;
}

enum mc_class
mc_err_class(enum mc_err err)
{
	const struct err_row *row = row_find((uint32_t)err);

	if (row == NULL) {
		return MC_CLASS_INTERNAL;
	}
	return (enum mc_class)((uint32_t)err >> 8);
}

const char *
mc_err_word(enum mc_err err)
{
	const struct err_row *row = row_find((uint32_t)err);

	return row == NULL ? "unknown" : row->word;
}

const char *
mc_err_text(enum mc_err err)
{
	const struct err_row *row = row_find((uint32_t)err);

	return row == NULL ? "An unknown error." : row->text;
}

enum mc_err
mc_err_from_wire(uint32_t raw)
{
	const struct err_row *row = row_find(raw);

	return row == NULL ? MC_EINTERNAL : row->code;
}

const struct mc_err_record *
mc_err_last(void)
{
	return &last_record;
}

enum mc_err
mc_err_fail(enum mc_err code, const char *file, int line, const char *fmt, ...)
{
	char detail[MC_ERR_DETAIL_MAX];
	va_list args;

	/* The arguments may point into the old record. */
	va_start(args, fmt);
	if (vsnprintf(detail, sizeof(detail), fmt, args) < 0) {
		detail[0] = '\0';
	}
	va_end(args);

	last_record.code = code;
	last_record.file = file;
	last_record.line = line;
	for (size_t i = 0; i < sizeof(detail); i++) {
		unsigned char byte = (unsigned char)detail[i];

		last_record.detail[i] = detail[i];
		if (byte == '\0') {
			break;
		}
		if (byte < 0x20 || byte == 0x7f) {
			last_record.detail[i] = '?';
		}
	}
	return code;
}
