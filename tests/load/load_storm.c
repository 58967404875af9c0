/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All agents of a mesh reconnect at once. Each behaves like Istio's: within a call five attempts on
 * retryable codes, 100 ms doubling to 1.6 s with 10 % jitter; after a failed call it dials anew; above
 * it a warm-up loop for ever from 500 ms, growing by half with 50 % jitter, to 60 s. A connection that
 * fails makes the attempt Unavailable.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/load/load.h"

#define ATTEMPTS 5
#define SETTLE_US 5000000 /* all connected, nobody speaks: what the daemon then holds */
#define CONNECT_US 20000000 /* grpc-go's least connect timeout */

struct agent {
	struct storm *storm;
	uint32_t number;
	struct load_conn *conn;
	struct base_timer *timer;
	bool connected;
	bool holds;   /* a certificate */
	bool waiting; /* the timer decides what comes next */
	unsigned attempt;
	unsigned failed_calls;
};

struct storm {
	const struct load_requests *requests;
	struct load_target *target;
	uint32_t count;
	uint32_t holding;
	uint64_t refusals;
	uint64_t redials;
	uint64_t broken;
	uint64_t wrong;
	int64_t start_us;
	struct load_times times;
};

static void agent_timer(void *self);

static int64_t
jitter_us(int64_t us, double share)
{
	return (int64_t)((double)us * (1 + share * (2 * drand48() - 1)));
}

static void
agent_dial(struct agent *agent)
{
	agent->connected = false;
	agent->conn = load_conn_open(agent->storm->target, agent, 2 + agent->number % 100);
	base_timer_set_us(agent->timer, CONNECT_US);
}

/* One attempt failed: the next one, or the end of this call. */
static void
agent_failed(struct agent *agent)
{
	int64_t wait_us;

	agent->storm->refusals++;
	agent->waiting = true;
	if (++agent->attempt < ATTEMPTS) {
		wait_us = (int64_t)100000 << (agent->attempt - 1);
		base_timer_set_us(agent->timer, jitter_us(wait_us, 0.1));
		return;
	}
	agent->attempt = 0;
	wait_us = 500000;
	for (unsigned i = 0; i < agent->failed_calls && wait_us < 60000000; i++) {
		wait_us += wait_us / 2;
	}
	agent->failed_calls++;
	agent->storm->redials++;
	if (agent->conn != NULL) {
		load_conn_close(agent->conn);
	}
	base_timer_set_us(agent->timer, jitter_us(wait_us, 0.5));
}

static void
agent_timer(void *self)
{
	struct agent *agent = self;

	if (agent->holds) {
		return;
	}
	agent->waiting = false;
	if (agent->conn == NULL) {
		agent_dial(agent);
	} else if (agent->connected) {
		load_conn_send(agent->conn, agent->number, base_clock_boot_us());
		load_conn_flush(agent->conn);
	} else {
		load_conn_close(agent->conn); /* the connect timeout */
	}
}

static void
on_ready(void *self, struct load_conn *conn)
{
	struct agent *agent = load_conn_owner(conn);

	(void)self;
	agent->connected = true;
	base_timer_stop(agent->timer);
	load_conn_send(conn, agent->number, base_clock_boot_us());
}

static bool
is_retried(int status)
{
	/* Canceled, DeadlineExceeded, ResourceExhausted, Aborted, Internal, Unavailable. */
	return status == 1 || status == 4 || status == 8 || status == 10 || status == 13 ||
	    status == 14;
}

static void
on_result(void *self, struct load_conn *conn, const struct load_result *result)
{
	struct storm *storm = self;
	struct agent *agent = load_conn_owner(conn);

	if (result->grpc_status == 0) {
		agent->holds = load_answer_ok(result->message,
		    load_request(storm->requests, result->index), false);
		storm->wrong += !agent->holds;
		storm->holding += agent->holds;
		load_times_add(&storm->times, base_clock_boot_us() - storm->start_us);
		return;
	}
	if (result->grpc_status < 0) {
		return; /* on_end follows */
	}
	if (!is_retried(result->grpc_status)) {
		agent->attempt = ATTEMPTS - 1;
	}
	agent_failed(agent);
}

static void
on_end(void *self, struct load_conn *conn)
{
	struct storm *storm = self;
	struct agent *agent = load_conn_owner(conn);

	agent->conn = NULL;
	agent->connected = false;
	/* Closed after a failed call, or broken between attempts: the timer dials. */
	if (!agent->holds && !agent->waiting) {
		storm->broken++;
		agent_failed(agent);
	}
}

/* --- what others feel meanwhile --- */

struct probe {
	const char *address;
	atomic_bool stop;
	struct load_times times;
	uint64_t failed;
};

static void *
probe_main(void *arg)
{
	struct probe *probe = arg;

	while (!atomic_load(&probe->stop)) {
		struct base_buf buf;
		int64_t us;

		base_buf_init(&buf, 1 << 20);
		us = load_http_get(probe->address, "/healthz", &buf);
		base_buf_clear(&buf);
		if (us < 0) {
			probe->failed++;
		} else {
			load_times_add(&probe->times, us);
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	return NULL;
}

struct rss {
	int64_t all_kib;
	int64_t front_kib;
	int64_t pss_kib; /* of all: what they share counts once */
};

static void
report(struct storm *storm, struct probe *probe, const struct rss rss[3])
{
	(void)printf("{\"start_s\":%.3f,\"agents\":%u,\"holding\":%u,\"wrong\":%llu,"
	    "\"seconds\":%.3f,\"p50_s\":%.3f,"
	    "\"p99_s\":%.3f,\"failed_attempts\":%llu,\"redials\":%llu,\"broken_connections\":%llu,"
	    "\"rss_kib\":[%lld,%lld,%lld],\"front_rss_kib\":[%lld,%lld,%lld],"
	    "\"pss_kib\":[%lld,%lld,%lld],",
	    (double)storm->start_us / 1e6, storm->count, storm->holding, (unsigned long long)storm->wrong,
	    load_times_ms(&storm->times, 1) / 1000, load_times_ms(&storm->times, 0.5) / 1000,
	    load_times_ms(&storm->times, 0.99) / 1000, (unsigned long long)storm->refusals,
	    (unsigned long long)storm->redials, (unsigned long long)storm->broken,
	    (long long)rss[0].all_kib, (long long)rss[1].all_kib, (long long)rss[2].all_kib,
	    (long long)rss[0].front_kib, (long long)rss[1].front_kib, (long long)rss[2].front_kib,
	    (long long)rss[0].pss_kib, (long long)rss[1].pss_kib, (long long)rss[2].pss_kib);
	(void)printf("\"probes\":%zu,\"probes_failed\":%llu,\"probe_p50_ms\":%.3f,\"probe_p99_ms\":%.3f,"
	    "\"probe_max_ms\":%.3f}\n",
	    probe->times.count, (unsigned long long)probe->failed, load_times_ms(&probe->times, 0.5),
	    load_times_ms(&probe->times, 0.99), load_times_ms(&probe->times, 1));
	(void)fflush(stdout);
}

static struct rss
rss_read(int pid)
{
	static struct load_proc procs[LOAD_PROCS];
	size_t count = load_procs_read(pid, procs);
	struct rss rss = {0};

	for (size_t i = 0; i < count; i++) {
		rss.all_kib += procs[i].rss_kib;
		rss.front_kib += strcmp(procs[i].name, "meshca-front") == 0 ? procs[i].rss_kib : 0;
		rss.pss_kib += load_proc_pss(procs[i].pid);
	}
	return rss;
}

static void
turn_until(struct base_loop *loop, int64_t until_us)
{
	while (base_clock_boot_us() < until_us) {
		base_loop_turn(loop, 100);
	}
}

void
load_storm(const struct load_options *options, const struct load_requests *requests,
    struct load_target *target)
{
	struct storm storm = {.requests = requests, .target = target, .count = options->connections};
	struct probe probe = {.address = options->metrics};
	struct agent *agents = base_xcalloc(storm.count, sizeof(*agents));
	struct rlimit files = {0};
	struct rss rss[3] = {rss_read(options->daemon_pid)};
	int64_t until_us;
	pthread_t thread;

	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || storm.count + 64 > files.rlim_max ||
	    storm.count > requests->count || pthread_create(&thread, NULL, probe_main, &probe) != 0) {
		load_die("%u agents need as many requests, and descriptors: ulimit -Hn says %llu",
		    storm.count, (unsigned long long)files.rlim_max);
	}
	target->self = &storm;
	target->on_ready = on_ready;
	target->on_result = on_result;
	target->on_end = on_end;
	storm.start_us = base_clock_boot_us();
	until_us = storm.start_us + (int64_t)(options->seconds * 1e6);
	for (uint32_t i = 0; i < storm.count; i++) {
		agents[i].storm = &storm;
		agents[i].number = i;
		agents[i].timer = base_timer_new(target->loop, agent_timer, &agents[i]);
		agent_dial(&agents[i]);
		if (i % 256 == 255) {
			base_loop_turn(target->loop, 0);
		}
	}
	while (storm.holding < storm.count && base_clock_boot_us() < until_us) {
		base_loop_turn(target->loop, 100);
	}
	rss[1] = rss_read(options->daemon_pid);
	turn_until(target->loop, base_clock_boot_us() + SETTLE_US);
	atomic_store(&probe.stop, true);
	(void)pthread_join(thread, NULL);
	rss[2] = rss_read(options->daemon_pid);
	report(&storm, &probe, rss);
}
