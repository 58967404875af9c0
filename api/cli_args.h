/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `meshca` as data: every verb and option is a row of a table, from which
 * arguments are parsed and help is printed. Pure but for cli_args_help().
 */
#ifndef API_CLI_ARGS_H
#define API_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_OPTIONS_MAX 16  /* options of one verb */
#define CLI_VALUES_MAX 64   /* options given at once */
#define CLI_OPERANDS_MAX 3

enum cli_option_kind {
	CLI_OPT_INVALID = 0,
	CLI_OPT_FLAG,     /* no value */
	CLI_OPT_ONE,      /* a value, at most once */
	CLI_OPT_REQUIRED, /* exactly once */
	CLI_OPT_MANY      /* a value, any number of times */
};

struct cli_option {
	const char *name;  /* "--role"; NULL ends a verb's list */
	const char *value; /* what help calls the value; NULL for a flag */
	enum cli_option_kind kind;
	const char *help;
};

struct cli;

struct cli_verb {
	const char *words;    /* "cert list" */
	const char *operands; /* "SERIAL" for help; NULL: none */
	size_t operand_count; /* exactly as many */
	const char *summary;  /* one line */
	bool rest;            /* takes the options that say how to reach REST */
	int (*run)(struct cli *cli); /* returns an enum cli_exit */
	struct cli_option options[CLI_OPTIONS_MAX];
};

/* One `--name value` that was given. */
struct cli_value {
	const struct cli_option *option;
	const char *value;
};

struct cli_args {
	const struct cli_verb *verb;
	struct cli_value values[CLI_VALUES_MAX];
	size_t value_count;
	const char *operands[CLI_OPERANDS_MAX];
	size_t operand_count;
};

enum cli_parse {
	CLI_PARSE_INVALID = 0, /* the error text says what and what to do */
	CLI_PARSE_RUN,
	CLI_PARSE_HELP,   /* help was asked for: args->verb, or the topic */
	CLI_PARSE_VERSION
};

#define CLI_ERROR_MAX 256

/* Parses argv (argv[0] is skipped). Strings stay the caller's. error is filled
 * for CLI_PARSE_INVALID; for CLI_PARSE_HELP without a verb it is the topic
 * ("cert"), possibly empty. */
enum cli_parse cli_args_parse(const struct cli_verb *verbs, size_t verb_count,
    char *const *argv, struct cli_args *args, char error[CLI_ERROR_MAX]);

/* The last value given for an option; NULL when absent. Names that the verb
 * does not have are a bug: aborts. */
const char *cli_args_get(const struct cli_args *args, const char *name);
bool cli_args_has(const struct cli_args *args, const char *name);
/* The nth value (from 0) of a CLI_OPT_MANY option; NULL past the last. */
const char *cli_args_nth(const struct cli_args *args, const char *name, size_t n);

/* Seconds from "90", "90s", "30m", "24h" or "7d". Returns false for anything else, or above
 * ten years. */
bool cli_args_duration(const char *text, int64_t *out_s);
/* A decimal number from min to max without sign. */
bool cli_args_number(const char *text, int64_t min, int64_t max, int64_t *out);

/* Prints help on a verb, on a topic ("cert": its verbs) or on everything (empty topic).
 * Returns false when there is no such topic; prints nothing then. */
bool cli_args_help(FILE *out, const struct cli_verb *verbs, size_t verb_count,
    const struct cli_verb *verb, const char *topic);

#endif
