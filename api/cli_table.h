/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: columns as wide as their widest cell. */
#ifndef API_CLI_TABLE_H
#define API_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define CLI_COLUMNS_MAX 10

struct cli_table;

void cli_table_free(struct cli_table *table);
/* headings: column names, at most CLI_COLUMNS_MAX, ended by NULL; copied. */
struct cli_table *cli_table_new(const char *const *headings) MC_DEALLOC(cli_table_free);
/* Adds a row: as many cells as columns, copied; NULL counts as empty. Bytes that a terminal
 * could obey, or that are not UTF-8, become '?'. */
void cli_table_row(struct cli_table *table, const char *const *cells);
/* Prints headings and rows; an empty cell shows as "-". */
void cli_table_print(const struct cli_table *table, FILE *out);

#endif
