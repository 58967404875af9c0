/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct cli_table {
	size_t columns;
	size_t rows; /* the first holds the headings */
	char **cells; /* rows * columns */
	size_t widths[CLI_COLUMNS_MAX];
};

void
cli_table_free(struct cli_table *table)
{
	if (table == NULL) {
		return;
	}
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		free(table->cells[i]);
	}
	free(table->cells);
	free(table);
}

/* Length of the printable UTF-8 character at p, 0 when there is none. Strict in lead and
 * continuation bytes; C1 controls (U+0080 to U+009F) count as unprintable. */
static size_t
printable_len(const unsigned char *p)
{
	size_t len;

	if (*p < 0x80) {
		return *p >= 0x20 && *p != 0x7f ? 1 : 0;
	}
	if (*p >= 0xc2 && *p <= 0xdf) {
		len = 2;
	} else if (*p >= 0xe0 && *p <= 0xef) {
		len = 3;
	} else if (*p >= 0xf0 && *p <= 0xf4) {
		len = 4;
	} else {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return p[0] == 0xc2 && p[1] < 0xa0 ? 0 : len;
}

/* A cleaned copy of text; *width is its number of characters. */
static char *
cell_copy(const char *text, size_t *width)
{
	const unsigned char *from;
	char *copy;
	char *to;

	if (text == NULL || text[0] == '\0') {
		text = "-";
	}
	from = (const unsigned char *)text;
	copy = base_xcalloc(strlen(text) + 1, 1);
	to = copy;
	*width = 0;
	while (*from != '\0') {
		size_t len = printable_len(from);

		if (len == 0) {
			*to++ = '?';
			from++;
		} else {
			base_copy(to, from, len);
			to += len;
			from += len;
		}
		*width += 1;
	}
	return copy;
}

void
cli_table_row(struct cli_table *table, const char *const *cells)
{
	table->cells = base_xreallocarray(table->cells, (table->rows + 1) * table->columns,
	    sizeof(*table->cells));
	for (size_t i = 0; i < table->columns; i++) {
		size_t width;

		table->cells[table->rows * table->columns + i] = cell_copy(cells[i], &width);
		if (width > table->widths[i]) {
			table->widths[i] = width;
		}
	}
	table->rows++;
}

struct cli_table *
cli_table_new(const char *const *headings)
{
	struct cli_table *table = base_xcalloc(1, sizeof(*table));

	while (table->columns < CLI_COLUMNS_MAX && headings[table->columns] != NULL) {
		table->columns++;
	}
	cli_table_row(table, headings);
	return table;
}

void
cli_table_print(const struct cli_table *table, FILE *out)
{
	for (size_t row = 0; row < table->rows; row++) {
		for (size_t i = 0; i < table->columns; i++) {
			const char *cell = table->cells[row * table->columns + i];
			size_t width = 0;

			(void)fputs(cell, out);
			if (i + 1 == table->columns) {
				break;
			}
			for (const char *p = cell; *p != '\0'; p++) {
				width += ((unsigned char)*p & 0xc0) != 0x80;
			}
			(void)fprintf(out, "%*s", (int)(table->widths[i] - width) + 2, "");
		}
		(void)fputc('\n', out);
	}
}
