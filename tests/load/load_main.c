/* SPDX-License-Identifier: Apache-2.0 */
/* meshca-load: an honest load for meshca's gRPC port; scripts/bench drives it. One JSON line per run. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/load/load.h"

void
load_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("meshca-load: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void
load_times_add(struct load_times *times, int64_t us)
{
	if (times->count == times->cap) {
		times->cap = times->cap == 0 ? 4096 : times->cap * 2;
		times->us = base_xreallocarray(times->us, times->cap, sizeof(int64_t));
	}
	times->us[times->count++] = us;
}

static int
times_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

double
load_times_ms(struct load_times *times, double share)
{
	size_t at = (size_t)(share * (double)times->count);

	if (times->count == 0) {
		return 0;
	}
	qsort(times->us, times->count, sizeof(int64_t), times_order);
	return (double)times->us[at < times->count ? at : times->count - 1] / 1000;
}

enum load_flag {
	O_MODE = 256, O_TARGET, O_CA, O_NAME, O_CACHE, O_TOKEN_KEY, O_KID, O_ISSUER, O_METRICS, O_KIND,
	O_COUNT, O_SKIP, O_IDENTITIES, O_CONNECTIONS, O_STREAMS, O_RATE, O_WARM, O_SECONDS, O_PID
};

static const struct option names[] = {
	{"mode", required_argument, NULL, O_MODE},
	{"target", required_argument, NULL, O_TARGET},
	{"ca", required_argument, NULL, O_CA},
	{"name", required_argument, NULL, O_NAME},
	{"cache", required_argument, NULL, O_CACHE},
	{"token-key", required_argument, NULL, O_TOKEN_KEY},
	{"kid", required_argument, NULL, O_KID},
	{"issuer", required_argument, NULL, O_ISSUER},
	{"metrics", required_argument, NULL, O_METRICS},
	{"kind", required_argument, NULL, O_KIND},
	{"count", required_argument, NULL, O_COUNT},
	{"skip", required_argument, NULL, O_SKIP},
	{"identities", required_argument, NULL, O_IDENTITIES},
	{"connections", required_argument, NULL, O_CONNECTIONS},
	{"streams", required_argument, NULL, O_STREAMS},
	{"rate", required_argument, NULL, O_RATE},
	{"warm", required_argument, NULL, O_WARM},
	{"seconds", required_argument, NULL, O_SECONDS},
	{"daemon-pid", required_argument, NULL, O_PID},
	{NULL, 0, NULL, 0},
};

static void
text_set(struct load_options *o, int option, const char *value)
{
	switch (option) {
	case O_MODE: o->mode = value; break;
	case O_TARGET: o->target = value; break;
	case O_CA: o->ca = value; break;
	case O_NAME: o->name = value; break;
	case O_CACHE: o->cache = value; break;
	case O_TOKEN_KEY: o->token_key = value; break;
	case O_KID: o->token_kid = value; break;
	case O_ISSUER: o->token_issuer = value; break;
	case O_METRICS: o->metrics = value; break;
	case O_KIND:
		o->kind = strcmp(value, "rsa-2048") == 0 ? LOAD_RSA2048 : LOAD_P256;
		break;
	default:
		exit(2); /* getopt has said why */
	}
}

static void
option_set(struct load_options *o, int option, const char *value)
{
	uint32_t number = value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 0;

	switch (option) {
	case O_COUNT: o->count = number; break;
	case O_SKIP: o->skip = number; break;
	case O_IDENTITIES: o->identities = number; break;
	case O_CONNECTIONS: o->connections = number; break;
	case O_STREAMS: o->streams = number; break;
	case O_RATE: o->rate = number; break;
	case O_WARM: o->warm_s = strtod(value, NULL); break;
	case O_SECONDS: o->seconds = strtod(value, NULL); break;
	case O_PID: o->daemon_pid = (int)number; break;
	default: text_set(o, option, value);
	}
}

static void
limits_print(const struct load_options *options)
{
	double verify_us;
	double sign_us;
	double sync_us;
	double sync_worst_us;

	load_crypto_limit(options->kind, &verify_us, &sign_us);
	load_sync_limit(options->cache, &sync_us, &sync_worst_us);
	(void)printf("{\"verify_us\":%.1f,\"sign_us\":%.1f,\"sync_us\":%.0f,\"sync_worst_us\":%.0f}\n",
	    verify_us, sign_us, sync_us, sync_worst_us);
}

int
main(int argc, char **argv)
{
	struct load_options options = {.mode = "closed", .name = "localhost", .cache = "var/bench",
		.token_kid = "bench", .token_issuer = "https://kubernetes.default.svc", .count = 1000,
		.identities = 1000, .connections = 64, .streams = 8, .warm_s = 1, .seconds = 10};
	struct load_requests requests;
	struct load_tokens tokens;
	struct load_target target = {0};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		option_set(&options, option, optarg);
	}
	if (strcmp(options.mode, "limits") == 0) {
		limits_print(&options);
		return 0;
	}
	load_requests_open(&requests, options.cache, options.kind, options.count, options.identities);
	if (strcmp(options.mode, "make") == 0) {
		return 0;
	}
	if (options.target == NULL || options.ca == NULL || options.token_key == NULL) {
		load_die("--target, --ca and --token-key are needed");
	}
	load_tokens_make(&tokens, options.token_key, options.token_kid, options.token_issuer,
	    options.identities);
	load_target_open(&target, options.target, options.ca);
	target.loop = base_loop_new();
	target.name = options.name;
	target.requests = &requests;
	target.tokens = &tokens;
	if (strcmp(options.mode, "storm") == 0) {
		load_storm(&options, &requests, &target);
	} else {
		load_run(&options, &requests, &target);
	}
	return 0;
}
