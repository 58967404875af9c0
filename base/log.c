/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"

#define LOG_CUT ",\"cut\":true"
/* What must always fit: a closing quote, the mark of a cut, the brace, the newline. */
#define LOG_ROOM (LIMIT_LOG_LINE - (int)sizeof(LOG_CUT) - 3)

struct log_line {
	size_t len;
	bool cut;
	char text[LIMIT_LOG_LINE];
};

static const char *log_role = "meshca";
static const char *log_environment;
static enum base_log_level log_least = LOG_LVL_INFO;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};
static const char HEX[] = "0123456789abcdef";

void
base_log_open(const char *role, const char *environment, enum base_log_level least)
{
	log_role = role;
	log_environment = environment;
	log_least = least;
}

/* All of the bytes or none of them. */
static bool
put(struct log_line *line, const char *ptr, size_t len)
{
	if (line->cut || len > (size_t)LOG_ROOM - line->len) {
		line->cut = true;
		return false;
	}
	memcpy(line->text + line->len, ptr, len);
	line->len += len;
	return true;
}

/* Appends one character of the NUL-terminated str; returns how many bytes it was. */
static size_t
put_char(struct log_line *line, const unsigned char *str)
{
	char code[6] = {'\\', 'u', '0', '0', HEX[*str >> 4], HEX[*str & 15]};
	char pair[2] = {'\\', (char)*str};
	size_t len;

	if (*str == '"' || *str == '\\') {
		(void)put(line, pair, sizeof(pair));
		return 1;
	}
	if (*str < 0x20 || *str == 0x7f) {
		(void)put(line, code, sizeof(code));
		return 1;
	}
	if (*str < 0x80) {
		(void)put(line, (const char *)str, 1);
		return 1;
	}
	len = base_utf8_len((const char *)str);
	if (len == 0) {
		(void)put(line, "\\ufffd", 6);
		return 1;
	}
	(void)put(line, (const char *)str, len);
	return len;
}

static void
put_string(struct log_line *line, const char *str)
{
	const unsigned char *at = (const unsigned char *)str;

	if (str == NULL) {
		(void)put(line, "null", 4);
		return;
	}
	if (!put(line, "\"", 1)) {
		return;
	}
	while (*at != '\0' && !line->cut) {
		size_t run = 0;

		while (at[run] >= 0x20 && at[run] < 0x7f && at[run] != '"' && at[run] != '\\') {
			run++;
		}
		if (run > 0 && run <= (size_t)LOG_ROOM - line->len) {
			(void)put(line, (const char *)at, run);
			at += run;
		} else {
			at += put_char(line, at);
		}
	}
	/* There is room for it even when the line was cut. */
	line->text[line->len++] = '"';
}

static void
put_hex(struct log_line *line, const unsigned char *ptr, int64_t len)
{
	if (!put(line, "\"", 1)) {
		return;
	}
	for (int64_t i = 0; i < len && !line->cut; i++) {
		char pair[2] = {HEX[ptr[i] >> 4], HEX[ptr[i] & 15]};

		(void)put(line, pair, sizeof(pair));
	}
	line->text[line->len++] = '"';
}

static void
put_int(struct log_line *line, int64_t num)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)num);

	if (len > 0) {
		(void)put(line, text, (size_t)len);
	}
}

/* ,"key": and the value, or nothing if not even the beginning of the value fits. */
static void
put_field(struct log_line *line, const struct base_log_field *field)
{
	size_t start = line->len;
	size_t value;

	(void)put(line, ",\"", 2);
	(void)put(line, field->key, strlen(field->key));
	(void)put(line, "\":", 2);
	value = line->len;
	if (!line->cut) {
		switch (field->kind) {
		case LOG_T_STR:
			put_string(line, field->ptr);
			break;
		case LOG_T_INT:
			put_int(line, field->num);
			break;
		case LOG_T_HEX:
			put_hex(line, field->ptr, field->num);
			break;
		default:
			(void)put(line, "null", 4);
			break;
		}
	}
	if (line->cut && line->len == value) {
		line->len = start;
	}
}

static void
put_head(struct log_line *line, enum base_log_level level, const char *event)
{
	const struct base_log_field head[] = {
	    LOG_STR("level", LEVEL_NAMES[level]),
	    LOG_STR("role", log_role),
	    LOG_STR("environment", log_environment),
	    LOG_STR("event", event),
	};
	int64_t now_us = base_clock_now_us();
	int64_t micros = now_us % 1000000;
	char at[21];
	char fraction[8] = ".000000";

	base_clock_rfc3339(now_us / 1000000, at);
	for (int i = 6; i > 0; i--) {
		fraction[i] = (char)('0' + micros % 10);
		micros /= 10;
	}
	(void)put(line, "{\"at\":\"", 7);
	(void)put(line, at, 19);
	(void)put(line, fraction, 7);
	(void)put(line, "Z\"", 2);
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
		if (head[i].ptr != NULL) {
			put_field(line, &head[i]);
		}
	}
}

void
base_log_write(enum base_log_level level, const char *event,
    const struct base_log_field *fields)
{
	struct log_line line;
	int saved = errno;
	ssize_t done;

	if (level < log_least || level > LOG_LVL_ERROR) {
		return;
	}
	line.len = 0;
	line.cut = false;
	put_head(&line, level, event);
	for (; fields->key != NULL && !line.cut; fields++) {
		put_field(&line, fields);
	}
	if (line.cut) {
		memcpy(line.text + line.len, LOG_CUT, sizeof(LOG_CUT) - 1);
		line.len += sizeof(LOG_CUT) - 1;
	}
	line.text[line.len++] = '}';
	line.text[line.len++] = '\n';
	/* One write, so that lines of several processes on one pipe stay whole. */
	do {
		done = write(STDERR_FILENO, line.text, line.len);
	} while (done < 0 && errno == EINTR);
	errno = saved;
}

/* "folder/file.c" of a path that may be absolute, depending on the build. */
static const char *
short_file(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (slash == NULL) {
		return path;
	}
	while (slash > path && slash[-1] != '/') {
		slash--;
	}
	return slash;
}

void
base_log_err(enum base_log_level level, const char *event, enum mc_err err)
{
	const struct mc_err_record *last = mc_err_last();

	if (last->code != err) {
		base_log(level, event, LOG_STR("error", mc_err_word(err)), LOG_END);
		return;
	}
	base_log(level, event, LOG_STR("error", mc_err_word(err)),
	    LOG_STR("detail", last->detail), LOG_STR("file", short_file(last->file)),
	    LOG_INT("line", last->line), LOG_END);
}

void
base_log_fatal(const char *event, enum mc_err err)
{
	base_log_err(LOG_LVL_ERROR, event, err);
	/* Other threads may be running: no exit handlers under their feet. */
	_exit(1);
}
