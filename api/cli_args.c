/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MAX_S (INT64_C(3660) * 86400)
/* Columns of help: verbs with operands, options with values. */
#define VERB_WIDTH   24
#define OPTION_WIDTH 26

static const struct cli_option COMMON[] = {
    {"--json", NULL, CLI_OPT_FLAG, "print JSON instead of text for people"},
    {"--config", "FILE", CLI_OPT_ONE,
        "the daemon's configuration (default /etc/meshca/meshca.yaml)"},
    {"--help", NULL, CLI_OPT_FLAG, "print this"},
    {NULL, NULL, CLI_OPT_INVALID, NULL},
};

static const struct cli_option REST[] = {
    {"--client", "FILE", CLI_OPT_ONE,
        "who you are: url, cert, key, ca (default ~/.config/meshca/client.json)"},
    {"--url", "URL", CLI_OPT_ONE, "REST address, such as https://ca.example:8443"},
    {"--cert", "FILE", CLI_OPT_ONE, "your client certificate and its issuer, PEM"},
    {"--key", "FILE", CLI_OPT_ONE, "its private key, PEM"},
    {"--ca", "FILE", CLI_OPT_ONE, "trust anchor of the REST server, PEM"},
    {NULL, NULL, CLI_OPT_INVALID, NULL},
};

static const struct cli_option *
list_find(const struct cli_option *list, const char *name, size_t len)
{
	for (; list->name != NULL; list++) {
		if (strlen(list->name) == len && memcmp(list->name, name, len) == 0) {
			return list;
		}
	}
	return NULL;
}

static const struct cli_option *
option_find(const struct cli_verb *verb, const char *name, size_t len)
{
	const struct cli_option *option = list_find(verb->options, name, len);

	if (option == NULL) {
		option = list_find(COMMON, name, len);
	}
	if (option == NULL && verb->rest) {
		option = list_find(REST, name, len);
	}
	return option;
}

/* Number of words of argv that name this verb; 0 when they name another. */
static size_t
words_match(const char *words, char *const *argv)
{
	size_t count = 0;

	for (;;) {
		size_t len = strcspn(words, " ");

		if (argv[count] == NULL || strlen(argv[count]) != len ||
		    memcmp(argv[count], words, len) != 0) {
			return 0;
		}
		count++;
		if (words[len] == '\0') {
			return count;
		}
		words += len + 1;
	}
}

static bool
is_topic(const struct cli_verb *verbs, size_t count, const char *topic)
{
	size_t len = strlen(topic);

	for (size_t i = 0; i < count; i++) {
		if (strncmp(verbs[i].words, topic, len) == 0 && verbs[i].words[len] == ' ') {
			return true;
		}
	}
	return false;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	    strcmp(word, "help") == 0;
}

/* What to do when no verb matched. */
static enum cli_parse
parse_topic(const struct cli_verb *verbs, size_t count, char *const *argv,
    char error[CLI_ERROR_MAX])
{
	error[0] = '\0';
	if (argv[0] == NULL) {
		(void)snprintf(error, CLI_ERROR_MAX, "a command is missing; see meshca --help");
		return CLI_PARSE_INVALID;
	}
	if (strcmp(argv[0], "--version") == 0) {
		return CLI_PARSE_VERSION;
	}
	if (is_help(argv[0]) && argv[1] == NULL) {
		return CLI_PARSE_HELP;
	}
	if (is_topic(verbs, count, argv[0])) {
		if (argv[1] == NULL) {
			(void)snprintf(error, CLI_ERROR_MAX,
			    "%.40s what? see meshca %.40s --help", argv[0], argv[0]);
			return CLI_PARSE_INVALID;
		}
		if (is_help(argv[1])) {
			(void)snprintf(error, CLI_ERROR_MAX, "%s", argv[0]);
			return CLI_PARSE_HELP;
		}
		(void)snprintf(error, CLI_ERROR_MAX,
		    "there is no command %.40s %.40s; see meshca %.40s --help", argv[0],
		    argv[1], argv[0]);
		return CLI_PARSE_INVALID;
	}
	(void)snprintf(error, CLI_ERROR_MAX, "there is no command %.80s; see meshca --help",
	    argv[0]);
	return CLI_PARSE_INVALID;
}

/* Takes the option at argv[*at] and moves *at past it. */
static bool
take_option(struct cli_args *args, char *const *argv, size_t *at, char error[CLI_ERROR_MAX])
{
	const char *word = argv[*at];
	size_t len = strcspn(word, "=");
	const struct cli_option *option = option_find(args->verb, word, len);
	const char *value = word[len] == '=' ? word + len + 1 : NULL;

	if (option == NULL) {
		(void)snprintf(error, CLI_ERROR_MAX,
		    "%.60s is not an option of %.40s; see meshca %.40s --help", word,
		    args->verb->words, args->verb->words);
		return false;
	}
	if (option->kind == CLI_OPT_FLAG && value != NULL) {
		(void)snprintf(error, CLI_ERROR_MAX, "%s takes no value", option->name);
		return false;
	}
	if (option->kind != CLI_OPT_FLAG && value == NULL) {
		value = argv[*at + 1];
		if (value == NULL) {
			(void)snprintf(error, CLI_ERROR_MAX, "%s needs a value: %s %s",
			    option->name, option->name, option->value);
			return false;
		}
		*at += 1;
	}
	if (option->kind != CLI_OPT_MANY && cli_args_has(args, option->name)) {
		(void)snprintf(error, CLI_ERROR_MAX, "%s was given twice", option->name);
		return false;
	}
	if (args->value_count == CLI_VALUES_MAX) {
		(void)snprintf(error, CLI_ERROR_MAX, "too many options");
		return false;
	}
	args->values[args->value_count++] = (struct cli_value){option, value};
	*at += 1;
	return true;
}

static bool
check_complete(const struct cli_args *args, char error[CLI_ERROR_MAX])
{
	const struct cli_verb *verb = args->verb;

	if (args->operand_count < verb->operand_count) {
		(void)snprintf(error, CLI_ERROR_MAX, "%s is missing: meshca %s %s",
		    verb->operands, verb->words, verb->operands);
		return false;
	}
	for (const struct cli_option *o = verb->options; o->name != NULL; o++) {
		if (o->kind == CLI_OPT_REQUIRED && !cli_args_has(args, o->name)) {
			(void)snprintf(error, CLI_ERROR_MAX, "%s %s is missing", o->name,
			    o->value);
			return false;
		}
	}
	return true;
}

/* `meshca help WORDS`: of one command, of those that begin with a word, or of nothing. */
static enum cli_parse
parse_help(const struct cli_verb *verbs, size_t count, char *const *argv, struct cli_args *args,
    char error[CLI_ERROR_MAX])
{
	error[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t at = words_match(verbs[i].words, argv);

		if (at > 0 && argv[at] == NULL) {
			args->verb = &verbs[i];
			return CLI_PARSE_HELP;
		}
	}
	if (is_topic(verbs, count, argv[0]) && argv[1] == NULL) {
		(void)snprintf(error, CLI_ERROR_MAX, "%s", argv[0]);
		return CLI_PARSE_HELP;
	}
	(void)snprintf(error, CLI_ERROR_MAX, "there is no command %.80s%s%.40s; see meshca --help",
	    argv[0], argv[1] == NULL ? "" : " ", argv[1] == NULL ? "" : argv[1]);
	return CLI_PARSE_INVALID;
}

enum cli_parse
cli_args_parse(const struct cli_verb *verbs, size_t verb_count, char *const *argv,
    struct cli_args *args, char error[CLI_ERROR_MAX])
{
	bool options_over = false;
	size_t at = 0;

	*args = (struct cli_args){.verb = NULL};
	argv++;
	if (argv[0] != NULL && is_help(argv[0]) && argv[1] != NULL) {
		return parse_help(verbs, verb_count, argv + 1, args, error);
	}
	for (size_t i = 0; i < verb_count; i++) {
		at = words_match(verbs[i].words, argv);
		if (at > 0) {
			args->verb = &verbs[i];
			break;
		}
	}
	if (args->verb == NULL) {
		return parse_topic(verbs, verb_count, argv, error);
	}
	while (argv[at] != NULL) {
		if (!options_over && strcmp(argv[at], "--") == 0) {
			options_over = true;
			at++;
		} else if (!options_over && is_help(argv[at]) && argv[at][0] == '-') {
			return CLI_PARSE_HELP;
		} else if (!options_over && argv[at][0] == '-' && argv[at][1] == '-') {
			if (!take_option(args, argv, &at, error)) {
				return CLI_PARSE_INVALID;
			}
		} else if (args->operand_count < args->verb->operand_count) {
			args->operands[args->operand_count++] = argv[at++];
		} else {
			(void)snprintf(error, CLI_ERROR_MAX,
			    "%.80s is one word too many for %.40s", argv[at],
			    args->verb->words);
			return CLI_PARSE_INVALID;
		}
	}
	return check_complete(args, error) ? CLI_PARSE_RUN : CLI_PARSE_INVALID;
}

const char *
cli_args_nth(const struct cli_args *args, const char *name, size_t n)
{
	if (option_find(args->verb, name, strlen(name)) == NULL) {
		abort();
	}
	for (size_t i = 0; i < args->value_count; i++) {
		if (strcmp(args->values[i].option->name, name) == 0) {
			if (n == 0) {
				return args->values[i].value;
			}
			n--;
		}
	}
	return NULL;
}

const char *
cli_args_get(const struct cli_args *args, const char *name)
{
	return cli_args_nth(args, name, 0);
}

bool
cli_args_has(const struct cli_args *args, const char *name)
{
	if (option_find(args->verb, name, strlen(name)) == NULL) {
		abort();
	}
	for (size_t i = 0; i < args->value_count; i++) {
		if (strcmp(args->values[i].option->name, name) == 0) {
			return true;
		}
	}
	return false;
}

bool
cli_args_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	size_t len = strlen(text);
	long long value;

	if (len == 0 || strspn(text, "0123456789") != len) {
		return false;
	}
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno != 0 || value < min || value > max) {
		return false;
	}
	*out = value;
	return true;
}

bool
cli_args_duration(const char *text, int64_t *out_s)
{
	static const struct {
		char letter;
		int64_t seconds;
	} UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char digits[20];
	size_t len = strlen(text);
	int64_t unit = 1;
	int64_t count;

	if (len == 0 || len >= sizeof(digits)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (text[len - 1] == UNITS[i].letter) {
			unit = UNITS[i].seconds;
			len--;
			break;
		}
	}
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)len, text);
	if (!cli_args_number(digits, 1, DURATION_MAX_S / unit, &count)) {
		return false;
	}
	*out_s = count * unit;
	return true;
}

/* The left column of a list; what does not fit has a line of its own. */
static void
help_left(FILE *out, int width, const char *word, const char *rest)
{
	char left[64];
	int len = snprintf(left, sizeof(left), "%s%s%s", word, rest == NULL ? "" : " ",
	    rest == NULL ? "" : rest);

	if (len > width) {
		(void)fprintf(out, "  %s\n", left);
		left[0] = '\0';
	}
	(void)fprintf(out, "  %-*s ", width, left);
}

static void
help_options(FILE *out, const struct cli_option *list)
{
	for (; list->name != NULL; list++) {
		help_left(out, OPTION_WIDTH, list->name, list->value);
		(void)fprintf(out, "%s%s%s\n", list->help,
		    list->kind == CLI_OPT_REQUIRED ? " (required)" : "",
		    list->kind == CLI_OPT_MANY ? " (may be repeated)" : "");
	}
}

static void
help_exit(FILE *out)
{
	(void)fputs("Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable,\n"
		    "4 no such thing, 5 not allowed, 6 inventory diff found a difference.\n",
	    out);
}

static void
help_verb(FILE *out, const struct cli_verb *verb)
{
	(void)fprintf(out, "meshca %s%s%s [options]\n\n%s\n\n", verb->words,
	    verb->operands == NULL ? "" : " ", verb->operands == NULL ? "" : verb->operands,
	    verb->summary);
	if (verb->options[0].name != NULL) {
		help_options(out, verb->options);
		(void)fputc('\n', out);
	}
	if (verb->rest) {
		(void)fputs("How to reach the REST API:\n", out);
		help_options(out, REST);
		(void)fputc('\n', out);
	}
	(void)fputs("Always:\n", out);
	help_options(out, COMMON);
	(void)fputc('\n', out);
	help_exit(out);
}

bool
cli_args_help(FILE *out, const struct cli_verb *verbs, size_t verb_count,
    const struct cli_verb *verb, const char *topic)
{
	size_t len = strlen(topic);

	if (verb != NULL) {
		help_verb(out, verb);
		return true;
	}
	if (len > 0 && !is_topic(verbs, verb_count, topic)) {
		return false;
	}
	(void)fputs("meshca, the command of a certificate authority for service meshes\n\n", out);
	for (size_t i = 0; i < verb_count; i++) {
		if (len > 0 && (strncmp(verbs[i].words, topic, len) != 0 ||
				   verbs[i].words[len] != ' ')) {
			continue;
		}
		help_left(out, VERB_WIDTH, verbs[i].words, verbs[i].operands);
		(void)fprintf(out, "%s\n", verbs[i].summary);
	}
	(void)fputs("\nmeshca COMMAND --help says more about one of them; meshca --version.\n", out);
	help_exit(out);
	return true;
}
