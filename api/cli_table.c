/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

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

/* A cleaned copy of text; *width is its number of characters. */
static char *
cell_copy(const char *text, size_t *width)
{
	char *copy;

	if (text == NULL || text[0] == '\0') {
		text = "-";
	}
	copy = base_xstrdup(text);
	base_utf8_clean(copy);
	*width = 0;
	for (const char *p = copy; *p != '\0'; p++) {
		*width += ((unsigned char)*p & 0xc0) != 0x80;
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
