/* SPDX-License-Identifier: Apache-2.0 */
/* Closed loop (so many requests are always under way) and open loop (requests come at a rate). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/load/load.h"

#define THOROUGH_EVERY 1024 /* one answer in so many is verified cryptographically, which takes 0.5 ms */
#define STATUSES 17
#define DRAIN_US 10000000

struct run {
	const struct load_options *options;
	const struct load_requests *requests;
	struct load_target *target;
	struct load_conn **conns;
	uint32_t ready;
	uint32_t next;     /* request */
	bool sending;
	bool counting;
	uint64_t under_way;
	uint64_t statuses[STATUSES + 1]; /* the last: broken connections */
	uint64_t wrong;    /* answers of wrong layout, key or signature */
	uint64_t counted;  /* good answers while time was taken */
	uint64_t good;     /* in all */
	uint32_t turn;
	struct load_times times;
};

static void
send_next(struct run *run, struct load_conn *conn, int64_t intended_us)
{
	if (run->next == run->requests->count) {
		if (run->sending) {
			(void)fprintf(stderr, "out of prepared requests: the run ends early\n");
		}
		run->sending = false;
		return;
	}
	run->under_way++;
	load_conn_send(conn, run->next++, intended_us);
}

static void
on_ready(void *self, struct load_conn *conn)
{
	struct run *run = self;

	(void)conn;
	run->ready++;
}

static void
on_result(void *self, struct load_conn *conn, const struct load_result *result)
{
	struct run *run = self;
	int64_t now_us = base_clock_boot_us();

	run->under_way--;
	run->statuses[result->grpc_status < 0 || result->grpc_status >= STATUSES ? STATUSES :
	    result->grpc_status]++;
	if (result->grpc_status == 0) {
		if (load_answer_ok(result->message, load_request(run->requests, result->index),
		    result->index % THOROUGH_EVERY == 0)) {
			run->good++;
		} else {
			run->wrong++;
		}
		if (run->counting) {
			run->counted++;
			load_times_add(&run->times, now_us - result->intended_us);
		}
	}
	if (run->sending && result->grpc_status >= 0 && run->options->rate == 0) {
		send_next(run, conn, now_us);
	}
}

static void
on_end(void *self, struct load_conn *conn)
{
	struct run *run = self;

	for (uint32_t i = 0; i < run->options->connections; i++) {
		if (run->conns[i] == conn) {
			run->conns[i] = NULL;
		}
	}
}

static void
connect_all(struct run *run)
{
	int64_t until_us = base_clock_boot_us() + 20000000;

	for (uint32_t i = 0; i < run->options->connections; i++) {
		run->conns[i] = load_conn_open(run->target, run, 2 + i % 50);
	}
	while (run->ready < run->options->connections) {
		base_loop_turn(run->target->loop, 100);
		if (base_clock_boot_us() > until_us) {
			load_die("%u of %u connections in 20 s", run->ready, run->options->connections);
		}
	}
}

/* Sends what is due since start_us at the rate, round robin. */
static void
open_loop_send(struct run *run, int64_t start_us, uint64_t *sent)
{
	int64_t now_us = base_clock_boot_us();

	for (;;) {
		int64_t due_us = start_us + (int64_t)(*sent * 1000000 / run->options->rate);
		struct load_conn *conn;

		if (due_us > now_us || !run->sending) {
			return;
		}
		(*sent)++;
		conn = run->conns[run->turn++ % run->options->connections];
		if (conn != NULL) {
			send_next(run, conn, due_us);
			load_conn_flush(conn);
		}
	}
}

static void
nothing(void *self)
{
	(void)self;
}

/* Turns for so long; sends at the rate when there is one. */
static void
turn_for(struct run *run, double seconds)
{
	struct base_timer *tick = base_timer_new(run->target->loop, nothing, NULL);
	int64_t start_us = base_clock_boot_us();
	int64_t end_us = start_us + (int64_t)(seconds * 1e6);
	uint64_t sent = 0;

	while (base_clock_boot_us() < end_us && run->sending) {
		int64_t wait_us = end_us - base_clock_boot_us();

		if (run->options->rate > 0) {
			open_loop_send(run, start_us, &sent);
			wait_us = start_us + (int64_t)(sent * 1000000 / run->options->rate) -
			    base_clock_boot_us();
		}
		base_timer_set_us(tick, wait_us);
		base_loop_turn(run->target->loop, -1);
	}
	base_timer_free(tick);
}

static void
drain(struct run *run)
{
	int64_t until_us = base_clock_boot_us() + DRAIN_US;

	run->sending = false;
	while (run->under_way > 0 && base_clock_boot_us() < until_us) {
		base_loop_turn(run->target->loop, 100);
	}
}

/* The ledger's count reaches /metrics by a poll of 5 s: waits for the expected one, or else until two
 * polls passed without a change. */
static double
ledger_rows(const struct load_options *options, double expected)
{
	double last = -1;
	int still = 0;

	while (options->metrics != NULL && still < 22) {
		double now = load_metric(options->metrics, "meshca_ledger_intents_total");

		if (now >= 0 && now == expected) {
			return now;
		}
		still = now == last ? still + 1 : 0;
		last = now;
		(void)nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	}
	return last;
}

static void
procs_print(const struct load_proc *before, size_t before_count, const struct load_proc *after,
    size_t after_count)
{
	(void)printf("\"processes\":[");
	for (size_t i = 0; i < after_count; i++) {
		int64_t cpu_us = after[i].cpu_us;

		for (size_t k = 0; k < before_count; k++) {
			cpu_us -= before[k].pid == after[i].pid ? before[k].cpu_us : 0;
		}
		(void)printf("%s{\"name\":\"%s\",\"cpu_us\":%lld,\"rss_kib\":%lld}", i > 0 ? "," : "",
		    after[i].name, (long long)cpu_us, (long long)after[i].rss_kib);
	}
	(void)printf("],");
}

static void
report(struct run *run, double seconds, int64_t own_cpu_us, double rows)
{
	uint64_t refused = 0;

	for (int i = 1; i <= STATUSES; i++) {
		refused += run->statuses[i];
	}
	(void)printf("\"seconds\":%.3f,\"counted\":%llu,\"good\":%llu,\"refused\":%llu,\"wrong\":%llu,"
	    "\"unanswered\":%llu,\"ledger_rows\":%.0f,\"generator_cpu_us\":%lld,\"next\":%u,"
	    "\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,"
	    "\"statuses\":{",
	    seconds, (unsigned long long)run->counted, (unsigned long long)run->good,
	    (unsigned long long)refused, (unsigned long long)run->wrong,
	    (unsigned long long)run->under_way, rows, (long long)own_cpu_us, run->next,
	    load_times_ms(&run->times, 0.5), load_times_ms(&run->times, 0.9),
	    load_times_ms(&run->times, 0.99), load_times_ms(&run->times, 0.999),
	    load_times_ms(&run->times, 1));
	for (int i = 0, first = 1; i <= STATUSES; i++) {
		if (run->statuses[i] > 0) {
			(void)printf("%s\"%d\":%llu", first ? "" : ",", i == STATUSES ? -1 : i,
			    (unsigned long long)run->statuses[i]);
			first = 0;
		}
	}
	(void)printf("}}\n");
}

void
load_run(const struct load_options *options, const struct load_requests *requests,
    struct load_target *target)
{
	static struct load_proc before[LOAD_PROCS];
	static struct load_proc after[LOAD_PROCS];
	struct run run = {.options = options, .requests = requests, .target = target,
		.next = options->skip, .sending = true};
	size_t before_count;
	size_t after_count;
	int64_t start_us;
	int64_t own_us;
	double rows = ledger_rows(options, -1);

	run.conns = base_xcalloc(options->connections, sizeof(struct load_conn *));
	target->self = &run;
	target->on_ready = on_ready;
	target->on_result = on_result;
	target->on_end = on_end;
	connect_all(&run);
	for (uint32_t i = 0; i < options->connections && options->rate == 0; i++) {
		for (uint32_t k = 0; k < options->streams && run.conns[i] != NULL; k++) {
			send_next(&run, run.conns[i], base_clock_boot_us());
		}
		if (run.conns[i] != NULL) {
			load_conn_flush(run.conns[i]);
		}
	}
	turn_for(&run, options->warm_s);
	run.counting = true;
	before_count = load_procs_read(options->daemon_pid, before);
	own_us = base_clock_cpu_us();
	start_us = base_clock_boot_us();
	turn_for(&run, options->seconds);
	start_us = base_clock_boot_us() - start_us;
	own_us = base_clock_cpu_us() - own_us;
	after_count = load_procs_read(options->daemon_pid, after);
	/* A closed loop ends here; in an open one the answers still due count for latency. */
	run.counting = options->rate > 0;
	drain(&run);
	rows = ledger_rows(options, rows + (double)run.good) - rows;
	(void)printf("{");
	procs_print(before, before_count, after, after_count);
	report(&run, (double)start_us / 1e6, own_us, rows);
	(void)fflush(stdout);
}
