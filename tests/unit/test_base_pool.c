/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/check_main.h"

#define JOBS 5000

struct job {
	struct base_job job;
	unsigned number;
	unsigned again; /* submit so many more when done */
	bool ran;
	bool done;
	pthread_t thread;
};

static struct base_loop *loop;
static struct base_pool *pool;
static atomic_uint ran_count;
static unsigned done_count;
static unsigned run_order;
static bool in_order;
static atomic_uint workers_made;
static atomic_uint workers_freed;

static void
job_run(struct base_job *base, void *worker)
{
	struct job *job = (struct job *)(void *)base;

	(void)worker;
	job->ran = true;
	job->thread = pthread_self();
	atomic_fetch_add(&ran_count, 1);
}

static void
job_run_in_order(struct base_job *base, void *worker)
{
	const struct job *job = (struct job *)(void *)base;

	in_order = in_order && job->number == run_order++;
	job_run(base, worker);
}

static void
job_done(struct base_job *base)
{
	struct job *job = (struct job *)(void *)base;

	ck_assert(job->ran);
	ck_assert(!job->done);
	ck_assert(!pthread_equal(job->thread, pthread_self()));
	done_count++;
	if (job->again > 0) {
		job->again--;
		base_pool_submit(pool, &job->job);
		return;
	}
	job->done = true;
}

static void
brief_done(struct base_job *base)
{
	struct job *job = (struct job *)(void *)base;

	done_count++;
	if (job->again > 0) {
		job->again--;
		base_pool_submit(pool, &job->job);
		return;
	}
	job->done = true;
}

static void *
worker_make(void *arg)
{
	atomic_fetch_add(&workers_made, 1);
	return arg;
}

static void
worker_drop(void *worker)
{
	ck_assert_ptr_eq(worker, &workers_made);
	atomic_fetch_add(&workers_freed, 1);
}

static void
start(unsigned threads, unsigned take_max)
{
	loop = base_loop_new();
	done_count = 0;
	run_order = 0;
	in_order = true;
	atomic_store(&ran_count, 0);
	atomic_store(&workers_made, 0);
	atomic_store(&workers_freed, 0);
	pool = base_pool_new(loop, threads, take_max, worker_make, worker_drop, &workers_made);
}

static struct job *
submit_all(void (*run)(struct base_job *job, void *worker))
{
	struct job *jobs = calloc(JOBS, sizeof(*jobs));

	ck_assert_ptr_nonnull(jobs);
	for (unsigned i = 0; i < JOBS; i++) {
		jobs[i].number = i;
		jobs[i].job.run = run;
		jobs[i].job.done = job_done;
		base_pool_submit(pool, &jobs[i].job);
	}
	return jobs;
}

START_TEST(test_all_jobs_come_back)
{
	struct job *jobs;

	start(3, 8);
	jobs = submit_all(job_run);
	ck_assert_uint_eq(base_pool_pending(pool), JOBS);
	while (base_pool_pending(pool) > 0) {
		base_loop_turn(loop, -1);
	}
	ck_assert_uint_eq(done_count, JOBS);
	ck_assert_uint_eq(atomic_load(&ran_count), JOBS);
	base_pool_free(pool);
	ck_assert_uint_eq(atomic_load(&workers_made), 3);
	ck_assert_uint_eq(atomic_load(&workers_freed), 3);
	base_loop_free(loop);
	free(jobs);
}
END_TEST

START_TEST(test_one_thread_keeps_the_order)
{
	struct job *jobs;

	start(1, 64);
	jobs = submit_all(job_run_in_order);
	while (base_pool_pending(pool) > 0) {
		base_loop_turn(loop, -1);
	}
	ck_assert(in_order);
	base_pool_free(pool);
	base_loop_free(loop);
	free(jobs);
}
END_TEST

START_TEST(test_free_drains)
{
	struct job *jobs;

	start(2, 4);
	jobs = submit_all(job_run);
	jobs[0].again = 3; /* submitted from done(), even while draining */
	base_pool_free(pool);
	ck_assert_uint_eq(done_count, JOBS + 3);
	for (unsigned i = 0; i < JOBS; i++) {
		ck_assert(jobs[i].done);
	}
	base_loop_free(loop);
	free(jobs);
}
END_TEST

static void
job_mask(struct base_job *base, void *worker)
{
	sigset_t mask;

	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	if (sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1) {
		job_run(base, worker);
	}
}

START_TEST(test_signals_are_blocked_in_workers)
{
	struct job job = {.job = {.run = job_mask, .done = job_done}};

	start(1, 1);
	base_pool_submit(pool, &job.job);
	while (base_pool_pending(pool) > 0) {
		base_loop_turn(loop, -1);
	}
	ck_assert(job.done);
	base_pool_free(pool);
	base_pool_free(NULL);
	base_loop_free(loop);
}
END_TEST

START_TEST(test_a_brief_job_alone_wakes_nobody)
{
	struct job one = {.job = {.run = job_run, .done = brief_done, .brief = true}};
	struct job two = one;

	start(2, 1);
	base_pool_submit(pool, &one.job);
	base_loop_turn(loop, 0);
	ck_assert(one.done);
	ck_assert(pthread_equal(one.thread, pthread_self()));
	/* the loop is for all: two at once go to the workers */
	one.done = false;
	base_pool_submit(pool, &one.job);
	base_pool_submit(pool, &two.job);
	while (base_pool_pending(pool) > 0) {
		base_loop_turn(loop, -1);
	}
	ck_assert(!pthread_equal(one.thread, pthread_self()));
	ck_assert(!pthread_equal(two.thread, pthread_self()));
	one.again = 5;
	base_pool_submit(pool, &one.job);
	base_pool_free(pool);
	ck_assert_uint_eq(done_count, 9);
	ck_assert(one.done);
	ck_assert_uint_eq(atomic_load(&workers_made), 3);
	ck_assert_uint_eq(atomic_load(&workers_freed), 3);
	base_loop_free(loop);
}
END_TEST

CHECK_MAIN("base_pool", test_a_brief_job_alone_wakes_nobody, test_all_jobs_come_back,
    test_one_thread_keeps_the_order, test_free_drains, test_signals_are_blocked_in_workers)
