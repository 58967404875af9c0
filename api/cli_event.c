/* SPDX-License-Identifier: Apache-2.0 */
/* event list: what was changed, by whom, from where, over REST. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli.h"
#include "api/cli_rest.h"
#include "api/cli_table.h"
#include "base/limits.h"

#define LIST_MAX 1000000 /* rows that --limit may ask for */
#define NOTE_WIDTH 60    /* a note may be a page of configuration; --json has it whole */

static void
print_list(const json_t *list)
{
	static const char *const HEADINGS[] = {"SEQ", "AT", "ACTOR", "ACTION", "TARGET", "FROM",
	    "NOTE", NULL};
	struct cli_table *table = cli_table_new(HEADINGS);
	const json_t *rows = json_object_get(list, "events");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *note = cli_json_text(row, "note");
		char number[24];
		char start[NOTE_WIDTH + sizeof("...")];
		size_t len = strcspn(note, "\n");
		const char *const cells[] = {number, cli_json_text(row, "at"),
		    cli_json_text(row, "actor"), cli_json_text(row, "action"),
		    cli_json_text(row, "target"), cli_json_text(row, "from"), start};

		(void)snprintf(number, sizeof(number), "%lld",
		    (long long)json_integer_value(json_object_get(row, "sequence")));
		(void)snprintf(start, sizeof(start), "%.*s%s",
		    (int)(len < NOTE_WIDTH ? len : NOTE_WIDTH), note,
		    len > NOTE_WIDTH || note[len] != '\0' ? "..." : "");
		cli_table_row(table, cells);
	}
	cli_table_print(table, stdout);
	cli_table_free(table);
	if (!json_is_null(json_object_get(list, "next"))) {
		cli_note("There are more: raise --limit.");
	}
}

int
cli_event_list(struct cli *cli)
{
	const char *limit = cli_args_get(&cli->args, "--limit");
	int64_t count = LIMIT_PAGE_DEFAULT;
	struct cli_client client;
	json_t *list = NULL;
	int ret;

	if (limit != NULL && !cli_args_number(limit, 1, LIST_MAX, &count)) {
		return cli_fail(cli, CLI_USAGE, "usage", "--limit is a number from 1 to %d",
		    LIST_MAX);
	}
	ret = cli_client_open(cli, false, &client);
	if (ret != CLI_OK) {
		return ret;
	}
	ret = cli_rest_list(cli, &client, "/v1/events", "events", count, &list);
	if (ret == CLI_OK && cli->json) {
		cli_json_print(list);
	} else if (ret == CLI_OK) {
		print_list(list);
	}
	json_decref(list);
	cli_client_clear(&client);
	return ret;
}
