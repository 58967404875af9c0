/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct queue {
	struct base_job *head;
	struct base_job *tail;
	unsigned count;
};

struct base_pool {
	struct base_loop *loop;
	unsigned threads;
	unsigned take_max;
	void *(*worker_new)(void *arg);
	void (*worker_free)(void *worker);
	void *arg;
	void *own;           /* the worker object of the loop's thread, once it needed one */
	unsigned pending;    /* the loop's thread only */
	struct queue staged; /* the loop's thread only: submitted in this turn */
	int event_fd;        /* readable while `finished` is not empty */
	pthread_mutex_t lock; /* over the rest */
	pthread_cond_t work;
	pthread_cond_t idle; /* `finished` became non-empty: for draining */
	struct queue waiting;
	struct queue finished;
	bool stopping;
	pthread_t *thread_ids;
};

static void
queue_add(struct queue *queue, struct base_job *job)
{
	job->next = NULL;
	if (queue->tail == NULL) {
		queue->head = job;
	} else {
		queue->tail->next = job;
	}
	queue->tail = job;
	queue->count++;
}

static void
queue_join(struct queue *to, struct queue *from)
{
	if (from->head == NULL) {
		return;
	}
	if (to->tail == NULL) {
		to->head = from->head;
	} else {
		to->tail->next = from->head;
	}
	to->tail = from->tail;
	to->count += from->count;
	*from = (struct queue){0};
}

static struct base_job *
queue_take(struct queue *queue)
{
	struct base_job *job = queue->head;

	if (job != NULL) {
		queue->head = job->next;
		if (queue->head == NULL) {
			queue->tail = NULL;
		}
		queue->count--;
		job->next = NULL;
	}
	return job;
}

/* A fair share: a worker that took all would leave the others idle. Lock held. */
static void
share_take(struct base_pool *pool, struct queue *mine)
{
	unsigned share = (pool->waiting.count + pool->threads - 1) / pool->threads;

	share = share < pool->take_max ? share : pool->take_max;
	while (mine->count < share) {
		queue_add(mine, queue_take(&pool->waiting));
	}
}

static void *
worker_main(void *arg)
{
	struct base_pool *pool = arg;
	void *worker = pool->worker_new != NULL ? pool->worker_new(pool->arg) : NULL;

	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct queue mine = {0};
		bool wake;

		while (pool->waiting.count == 0 && !pool->stopping) {
			(void)pthread_cond_wait(&pool->work, &pool->lock);
		}
		if (pool->waiting.count == 0) {
			break;
		}
		share_take(pool, &mine);
		(void)pthread_mutex_unlock(&pool->lock);
		for (struct base_job *job = mine.head; job != NULL; job = job->next) {
			job->run(job, worker);
		}
		(void)pthread_mutex_lock(&pool->lock);
		wake = pool->finished.count == 0;
		queue_join(&pool->finished, &mine);
		if (wake) {
			/* A full counter cannot be: the loop's thread empties it each time. */
			(void)eventfd_write(pool->event_fd, 1);
			(void)pthread_cond_signal(&pool->idle);
		}
	}
	(void)pthread_mutex_unlock(&pool->lock);
	if (pool->worker_free != NULL) {
		pool->worker_free(worker);
	}
	return NULL;
}

static void
finished_deliver(struct base_pool *pool, struct queue *finished)
{
	struct base_job *job;

	while ((job = queue_take(finished)) != NULL) {
		pool->pending--;
		job->done(job);
	}
}

static void
event_read(void *self, unsigned events)
{
	struct base_pool *pool = self;
	struct queue finished = {0};
	eventfd_t count;

	(void)events;
	/* Before the queue is taken: a job that finishes in between signals again. */
	(void)eventfd_read(pool->event_fd, &count);
	(void)pthread_mutex_lock(&pool->lock);
	queue_join(&finished, &pool->finished);
	(void)pthread_mutex_unlock(&pool->lock);
	finished_deliver(pool, &finished);
}

/* To wake a worker and be woken by it would take longer than the job. */
static void
run_here(struct base_pool *pool)
{
	struct base_job *job = queue_take(&pool->staged);

	if (pool->own == NULL && pool->worker_new != NULL) {
		pool->own = pool->worker_new(pool->arg);
	}
	job->run(job, pool->own);
	pool->pending--;
	job->done(job);
}

static void
staged_hand_over(void *self)
{
	struct base_pool *pool = self;
	unsigned count = pool->staged.count;

	if (count == 0) {
		return;
	}
	if (pool->pending == 1 && pool->staged.head->brief) {
		run_here(pool);
		return;
	}
	(void)pthread_mutex_lock(&pool->lock);
	queue_join(&pool->waiting, &pool->staged);
	(void)pthread_mutex_unlock(&pool->lock);
	if (count >= pool->threads) {
		(void)pthread_cond_broadcast(&pool->work);
		return;
	}
	while (count-- > 0) {
		(void)pthread_cond_signal(&pool->work);
	}
}

static void
threads_start(struct base_pool *pool)
{
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < pool->threads; i++) {
		if (pthread_create(&pool->thread_ids[i], NULL, worker_main, pool) != 0) {
			abort();
		}
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct base_pool *
base_pool_new(struct base_loop *loop, unsigned threads, unsigned take_max,
    void *(*worker_new)(void *arg), void (*worker_free)(void *worker), void *arg)
{
	struct base_pool *pool = base_xcalloc(1, sizeof(*pool));

	pool->loop = loop;
	pool->threads = threads > 0 ? threads : 1;
	pool->take_max = take_max > 0 ? take_max : 1;
	pool->worker_new = worker_new;
	pool->worker_free = worker_free;
	pool->arg = arg;
	pool->thread_ids = base_xcalloc(pool->threads, sizeof(*pool->thread_ids));
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->event_fd < 0 || pthread_mutex_init(&pool->lock, NULL) != 0 ||
	    pthread_cond_init(&pool->work, NULL) != 0 ||
	    pthread_cond_init(&pool->idle, NULL) != 0) {
		abort();
	}
	base_loop_watch(loop, pool->event_fd, BASE_LOOP_READ, event_read, pool);
	base_loop_hook(loop, staged_hand_over, pool);
	threads_start(pool);
	return pool;
}

static void
drain(struct base_pool *pool)
{
	while (pool->pending > 0) {
		struct queue finished = {0};

		staged_hand_over(pool);
		if (pool->pending == 0 || pool->staged.count > 0) {
			continue; /* it ran here */
		}
		(void)pthread_mutex_lock(&pool->lock);
		while (pool->finished.count == 0) {
			(void)pthread_cond_wait(&pool->idle, &pool->lock);
		}
		queue_join(&finished, &pool->finished);
		(void)pthread_mutex_unlock(&pool->lock);
		finished_deliver(pool, &finished);
	}
}

void
base_pool_free(struct base_pool *pool)
{
	if (pool == NULL) {
		return;
	}
	drain(pool);
	(void)pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_mutex_unlock(&pool->lock);
	(void)pthread_cond_broadcast(&pool->work);
	for (unsigned i = 0; i < pool->threads; i++) {
		(void)pthread_join(pool->thread_ids[i], NULL);
	}
	if (pool->own != NULL) {
		pool->worker_free(pool->own);
	}
	base_loop_unhook(pool->loop, staged_hand_over, pool);
	base_loop_unwatch(pool->loop, pool->event_fd);
	(void)close(pool->event_fd);
	(void)pthread_cond_destroy(&pool->idle);
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool->thread_ids);
	free(pool);
}

void
base_pool_submit(struct base_pool *pool, struct base_job *job)
{
	pool->pending++;
	queue_add(&pool->staged, job);
	base_loop_again(pool->loop);
}

unsigned
base_pool_pending(const struct base_pool *pool)
{
	return pool->pending;
}
