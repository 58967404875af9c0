/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chan.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chan_int.h"
#include "base/chan_open.h"
#include "base/clock.h"
#include "base/mem.h"

#define FRAME_HEAD 4
#define ITEM_HEAD 16
/* A turn reads so many frames of one channel, then others have theirs. */
#define FRAMES_PER_TURN 16
#define SPARE_FRAMES 4
/* Room for some descriptors more than the one allowed, so that a peer that sends several is
 * seen, and they are closed, instead of being cut off. */
#define FDS_SEEN 4

struct frame {
	struct frame *next;
	size_t len;
	unsigned count;
	int fd;      /* -1, or goes with it */
	bool sealed; /* takes no more items */
	uint8_t bytes[LIMIT_FRAME];
};

struct base_chan {
	struct base_loop *loop;
	int fd;
	base_chan_item_fn on_item;
	base_chan_gone_fn on_gone;
	void *self;
	enum mc_err gone;  /* MC_OK while the peer lives */
	bool told;         /* on_gone was called */
	bool write_broken; /* what is sent is dropped; what still comes is read to its end */
	bool blocked;      /* the socket took no more; waiting for it to be writable */
	uint64_t next_call;
	struct frame *head; /* to be sent, oldest first; the last one is being filled */
	struct frame *tail;
	unsigned frame_count;
	struct frame *spare;
	unsigned spare_count;
	struct chan_open sent;     /* our requests */
	struct chan_open received; /* the peer's */
	uint8_t in[LIMIT_FRAME];
};

/* --- frames to send --- */

static struct frame *
frame_new(struct base_chan *chan)
{
	struct frame *frame = chan->spare;

	if (frame != NULL) {
		chan->spare = frame->next;
		chan->spare_count--;
	} else {
		frame = base_xcalloc(1, sizeof(*frame));
	}
	frame->next = NULL;
	frame->len = FRAME_HEAD;
	frame->count = 0;
	frame->fd = -1;
	frame->sealed = false;
	if (chan->tail == NULL) {
		chan->head = frame;
	} else {
		chan->tail->next = frame;
	}
	chan->tail = frame;
	chan->frame_count++;
	return frame;
}

static void
frame_drop_head(struct base_chan *chan)
{
	struct frame *frame = chan->head;

	chan->head = frame->next;
	if (chan->head == NULL) {
		chan->tail = NULL;
	}
	chan->frame_count--;
	if (frame->fd >= 0) {
		(void)close(frame->fd);
	}
	/* A frame may have carried a passphrase. */
	explicit_bzero(frame->bytes, frame->len);
	if (chan->spare_count < SPARE_FRAMES) {
		frame->next = chan->spare;
		chan->spare = frame;
		chan->spare_count++;
	} else {
		free(frame);
	}
}

static void
frames_drop(struct base_chan *chan)
{
	while (chan->head != NULL) {
		frame_drop_head(chan);
	}
}

/* True when sent; else errno. */
static bool
frame_send(struct base_chan *chan, struct frame *frame)
{
	uint16_t version = htole16(BASE_CHAN_VERSION);
	uint16_t count = htole16((uint16_t)frame->count);
	struct iovec iov = {frame->bytes, frame->len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	ssize_t sent;

	base_copy(frame->bytes, &version, sizeof(version));
	base_copy(frame->bytes + 2, &count, sizeof(count));
	if (frame->fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		base_copy(CMSG_DATA(cmsg), &frame->fd, sizeof(frame->fd));
	}
	do {
		sent = sendmsg(chan->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

static void
blocked_set(struct base_chan *chan, bool blocked)
{
	if (chan->blocked == blocked) {
		return;
	}
	chan->blocked = blocked;
	if (chan->loop != NULL && chan->gone == MC_OK) {
		base_loop_interest(chan->loop, chan->fd,
		    blocked ? BASE_LOOP_READ | BASE_LOOP_WRITE : BASE_LOOP_READ);
	}
}

/* Sends frames until the queue is empty or the socket takes no more. all: also the last one,
 * which may have room for further items. */
static void
frames_send(struct base_chan *chan, bool all)
{
	if (chan->blocked) {
		return;
	}
	while (chan->head != NULL && (all || chan->head->sealed)) {
		if (!chan->write_broken && !frame_send(chan, chan->head)) {
			if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
				blocked_set(chan, true);
				return;
			}
			/* The peer closed; its last items may still wait to be read. */
			chan->write_broken = true;
		}
		frame_drop_head(chan);
	}
}

/* The frame that the next item of this size goes into. */
static struct frame *
frame_for(struct base_chan *chan, size_t item_len, bool alone)
{
	struct frame *frame = chan->tail;

	if (frame != NULL && !frame->sealed && !alone && frame->len + item_len <= LIMIT_FRAME) {
		return frame;
	}
	if (frame != NULL) {
		frame->sealed = true;
		frames_send(chan, false);
	}
	if (chan->frame_count >= LIMIT_CHAN_QUEUE / LIMIT_FRAME) {
		return NULL;
	}
	return frame_new(chan);
}

/* --- the end --- */

static void
watch_stop(struct base_chan *chan)
{
	if (chan->loop != NULL) {
		base_loop_unwatch(chan->loop, chan->fd);
	}
}

/* Ends the channel. on_gone comes at the end of the turn, never from inside a send. */
static void
gone_set(struct base_chan *chan, enum mc_err why)
{
	if (chan->gone != MC_OK) {
		return;
	}
	chan->gone = why;
	watch_stop(chan);
	frames_drop(chan);
	(void)shutdown(chan->fd, SHUT_RDWR);
	if (chan->loop != NULL) {
		base_loop_again(chan->loop);
	}
}

static void
turn_end(void *self)
{
	struct base_chan *chan = self;

	if (chan->gone == MC_OK) {
		if (chan->head != NULL) {
			frames_send(chan, true);
		}
		return;
	}
	if (!chan->told) {
		chan->told = true;
		chan->on_gone(chan->self, chan, chan->gone);
	}
}

/* --- receiving --- */

struct item_head {
	uint16_t type;
	uint16_t flags;
	uint32_t len;
	uint64_t corr;
};

static struct item_head
item_head_read(const uint8_t *ptr)
{
	struct item_head head;

	base_copy(&head.type, ptr, 2);
	base_copy(&head.flags, ptr + 2, 2);
	base_copy(&head.len, ptr + 4, 4);
	base_copy(&head.corr, ptr + 8, 8);
	head.type = le16toh(head.type);
	head.flags = le16toh(head.flags);
	head.len = le32toh(head.len);
	head.corr = le64toh(head.corr);
	return head;
}

static bool
is_answer(uint16_t type)
{
	return (type & 1) != 0;
}

/* The frame's form, before any of its items is acted on. */
static enum mc_err
frame_check(const uint8_t *bytes, size_t len, unsigned *count, bool with_fd)
{
	size_t at = FRAME_HEAD;
	uint16_t version;
	uint16_t items;

	if (len < FRAME_HEAD) {
		return MC_FAIL(MC_EFRAME, "frame of %zu bytes", len);
	}
	base_copy(&version, bytes, 2);
	base_copy(&items, bytes + 2, 2);
	*count = le16toh(items);
	if (le16toh(version) != BASE_CHAN_VERSION) {
		return MC_FAIL(MC_EFRAME, "frame version %u", (unsigned)le16toh(version));
	}
	if (*count == 0 || *count > LIMIT_FRAME_ITEMS || (with_fd && *count != 1)) {
		return MC_FAIL(MC_EFRAME, "frame of %u items%s", *count,
		    with_fd ? " with a descriptor" : "");
	}
	for (unsigned i = 0; i < *count; i++) {
		struct item_head head;

		if (len - at < ITEM_HEAD) {
			return MC_FAIL(MC_EFRAME, "item %u of %u is cut", i + 1, *count);
		}
		head = item_head_read(bytes + at);
		at += ITEM_HEAD;
		if (head.len > len - at) {
			return MC_FAIL(MC_EFRAME, "item %u of %u is cut", i + 1, *count);
		}
		at += head.len;
		if (head.type < BASE_CHAN_HELLO || head.type == BASE_CHAN_HELLO + 1 ||
		    (head.flags & ~BASE_ITEM_MORE) != 0 || (head.flags != 0 && !is_answer(head.type)) ||
		    (with_fd && is_answer(head.type))) {
			return MC_FAIL(MC_EFRAME, "item of type %u with flags %u",
			    (unsigned)head.type, (unsigned)head.flags);
		}
	}
	if (at != len) {
		return MC_FAIL(MC_EFRAME, "%zu bytes after the last item", len - at);
	}
	return MC_OK;
}

/* Books an arriving item on its side's account. */
static enum mc_err
item_book(struct base_chan *chan, const struct item_head *head)
{
	struct chan_open_slot *slot;

	if (head->type == BASE_CHAN_HELLO) {
		return MC_OK;
	}
	if (!is_answer(head->type)) {
		if (chan->received.count >= LIMIT_CHAN_WINDOW) {
			return MC_FAIL(MC_EFRAME, "request beyond the window");
		}
		if (chan_open_find(&chan->received, head->corr) != NULL) {
			return MC_FAIL(MC_EFRAME, "correlation used twice");
		}
		chan_open_add(&chan->received, head->corr, head->type);
		return MC_OK;
	}
	slot = chan_open_find(&chan->sent, head->corr);
	if (slot == NULL || slot->type + 1 != head->type) {
		return MC_FAIL(MC_EFRAME, "answer of type %u to no request", (unsigned)head->type);
	}
	if ((head->flags & BASE_ITEM_MORE) == 0) {
		chan_open_remove(&chan->sent, slot);
	}
	return MC_OK;
}

typedef enum mc_err (*item_sink_fn)(void *self, const struct base_item *item);

/* Hands a checked frame to sink, item by item. fd goes to the only item, or is closed. */
static enum mc_err
frame_deliver(struct base_chan *chan, unsigned count, int fd, item_sink_fn sink, void *self)
{
	size_t at = FRAME_HEAD;

	for (unsigned i = 0; i < count; i++) {
		struct item_head head = item_head_read(chan->in + at);
		struct base_item item = {
			.type = head.type,
			.flags = head.flags,
			.corr = head.corr,
			.payload = {chan->in + at + ITEM_HEAD, head.len},
			.fd = fd,
		};
		enum mc_err ret = item_book(chan, &head);

		if (ret != MC_OK) {
			if (fd >= 0) {
				(void)close(fd);
			}
			return ret;
		}
		ret = sink(self, &item);
		if (ret != MC_OK) {
			return ret;
		}
		at += ITEM_HEAD + head.len;
	}
	return MC_OK;
}

/* Reads one frame into chan->in. Returns MC_OK; MC_EBUSY when there is none now; MC_EPEER at
 * the end; MC_EFRAME. */
static enum mc_err
frame_read(struct base_chan *chan, unsigned *count, size_t *len, int *fd)
{
	struct iovec iov = {chan->in, sizeof(chan->in)};
	union {
		char bytes[CMSG_SPACE(FDS_SEEN * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg;
	enum mc_err ret;
	ssize_t got;

	do {
		msg = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
		got = recvmsg(chan->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		/* ECONNRESET is said once, when the peer closed with unread items of ours; what it
		 * had sent before is still there. */
	} while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got < 0) {
		if (errno == EAGAIN) {
			return MC_EBUSY;
		}
		return MC_FAIL(MC_EPEER, "recvmsg: %s", strerrorname_np(errno));
	}
	if (!chan_fds_take(&msg, fd)) {
		return MC_FAIL(MC_EFRAME, "a frame with several descriptors");
	}
	if (got == 0) {
		return MC_FAIL(MC_EPEER, "end of channel");
	}
	*len = (size_t)got;
	if ((msg.msg_flags & MSG_TRUNC) != 0) {
		ret = MC_FAIL(MC_EFRAME, "a frame over %d bytes", LIMIT_FRAME);
	} else {
		ret = frame_check(chan->in, *len, count, *fd >= 0);
	}
	if (ret != MC_OK && *fd >= 0) {
		(void)close(*fd);
	}
	return ret;
}

static enum mc_err
item_to_owner(void *self, const struct base_item *item)
{
	struct base_chan *chan = self;

	return chan->on_item(chan->self, chan, item);
}

static void
readable(struct base_chan *chan)
{
	for (int i = 0; i < FRAMES_PER_TURN && chan->gone == MC_OK; i++) {
		unsigned count = 0;
		size_t len = 0;
		int fd = -1;
		enum mc_err ret = frame_read(chan, &count, &len, &fd);

		if (ret == MC_EBUSY) {
			return;
		}
		if (ret != MC_OK) {
			gone_set(chan, ret);
			return;
		}
		ret = frame_deliver(chan, count, fd, item_to_owner, chan);
		explicit_bzero(chan->in, len);
		if (ret != MC_OK) {
			gone_set(chan, MC_EFRAME);
		}
	}
}

static void
on_events(void *self, unsigned events)
{
	struct base_chan *chan = self;

	if ((events & BASE_LOOP_WRITE) != 0) {
		blocked_set(chan, false);
		frames_send(chan, false);
	}
	if ((events & (BASE_LOOP_READ | BASE_LOOP_HUP)) != 0) {
		readable(chan);
	}
}

/* --- life --- */

static void
send_room_ask(int fd)
{
	int want = LIMIT_CHAN_SOCKET;

	/* Above the system's ceiling only for root; without it the default still holds more
	 * than four full frames. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) != 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
	}
}

enum mc_err
base_chan_pair(int fds[2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		return MC_FAIL(MC_EIO, "socketpair: %s", strerrorname_np(errno));
	}
	send_room_ask(pair[0]);
	send_room_ask(pair[1]);
	fds[0] = pair[0];
	fds[1] = pair[1];
	return MC_OK;
}

struct base_chan *
base_chan_new(struct base_loop *loop, int fd, base_chan_item_fn on_item,
    base_chan_gone_fn on_gone, void *self)
{
	struct base_chan *chan = base_xcalloc(1, sizeof(*chan));

	chan->loop = loop;
	chan->fd = fd;
	chan->on_item = on_item;
	chan->on_gone = on_gone;
	chan->self = self;
	if (loop != NULL) {
		base_loop_watch(loop, fd, BASE_LOOP_READ, on_events, chan);
		base_loop_hook(loop, turn_end, chan);
	}
	return chan;
}

void
base_chan_free(struct base_chan *chan)
{
	if (chan == NULL) {
		return;
	}
	if (chan->gone == MC_OK) {
		/* What the turn queued, an answer to a drain for one, is not lost. */
		frames_send(chan, true);
		watch_stop(chan);
	}
	if (chan->loop != NULL) {
		base_loop_unhook(chan->loop, turn_end, chan);
	}
	frames_drop(chan);
	while (chan->spare != NULL) {
		struct frame *next = chan->spare->next;

		free(chan->spare);
		chan->spare = next;
	}
	(void)close(chan->fd);
	free(chan);
}

bool
base_chan_has_credit(const struct base_chan *chan)
{
	return chan->gone == MC_OK && chan->sent.count < LIMIT_CHAN_WINDOW;
}

unsigned
base_chan_pending(const struct base_chan *chan)
{
	return chan->sent.count;
}

/* --- sending --- */

/* Checks an item against our accounts; *slot is the request that an answer belongs to. */
static enum mc_err
send_check(struct base_chan *chan, const struct base_item *head, size_t len,
    struct chan_open_slot **slot)
{
	*slot = NULL;
	if (chan->gone != MC_OK) {
		return MC_EPEER;
	}
	if (len > LIMIT_FRAME - FRAME_HEAD - ITEM_HEAD) {
		return MC_FAIL(MC_ETOOBIG, "item of type %u with %zu bytes", (unsigned)head->type, len);
	}
	if (head->type == BASE_CHAN_HELLO) {
		return MC_OK;
	}
	if (!is_answer(head->type)) {
		if (chan->sent.count >= LIMIT_CHAN_WINDOW) {
			return MC_FAIL(MC_EBUSY, "no credit");
		}
		if (head->type == 0 || head->flags != 0 || chan_open_find(&chan->sent, head->corr) != NULL) {
			return MC_FAIL(MC_EINTERNAL, "request of type %u: correlation in use",
			    (unsigned)head->type);
		}
		return MC_OK;
	}
	*slot = chan_open_find(&chan->received, head->corr);
	if (*slot == NULL || (*slot)->type + 1 != head->type) {
		return MC_FAIL(MC_EINTERNAL, "answer of type %u to no request", (unsigned)head->type);
	}
	return MC_OK;
}

static uint8_t *
item_head_write(uint8_t *to, const struct base_item *head, size_t len)
{
	uint16_t type = htole16(head->type);
	uint16_t flags = htole16(head->flags);
	uint32_t wire_len = htole32((uint32_t)len);
	uint64_t corr = htole64(head->corr);

	base_copy(to, &type, 2);
	base_copy(to + 2, &flags, 2);
	base_copy(to + 4, &wire_len, 4);
	base_copy(to + 8, &corr, 8);
	return to + ITEM_HEAD;
}

enum mc_err
base_chan_reserve(struct base_chan *chan, const struct base_item *head, size_t len,
    uint8_t **payload)
{
	struct chan_open_slot *slot;
	struct frame *frame;
	enum mc_err ret = send_check(chan, head, len, &slot);

	if (ret != MC_OK) {
		return ret;
	}
	frame = frame_for(chan, ITEM_HEAD + len, head->fd >= 0);
	if (frame == NULL) {
		gone_set(chan, MC_EPEER);
		return MC_FAIL(MC_EPEER, "the peer does not read: %d bytes wait", LIMIT_CHAN_QUEUE);
	}
	*payload = item_head_write(frame->bytes + frame->len, head, len);
	frame->len += ITEM_HEAD + len;
	frame->count++;
	frame->sealed = frame->count == LIMIT_FRAME_ITEMS || head->fd >= 0;
	if (slot != NULL && (head->flags & BASE_ITEM_MORE) == 0) {
		chan_open_remove(&chan->received, slot);
	} else if (slot == NULL && head->type != BASE_CHAN_HELLO) {
		chan_open_add(&chan->sent, head->corr, head->type);
	}
	if (chan->loop != NULL) {
		base_loop_again(chan->loop);
	}
	return MC_OK;
}

enum mc_err
base_chan_send(struct base_chan *chan, uint16_t type, uint16_t flags, uint64_t corr,
    struct base_span payload)
{
	struct base_item head = {.type = type, .flags = flags, .corr = corr, .fd = -1};
	uint8_t *to;
	enum mc_err ret = base_chan_reserve(chan, &head, payload.len, &to);

	if (ret == MC_OK) {
		base_copy(to, payload.ptr, payload.len);
	}
	return ret;
}

enum mc_err
base_chan_send_fd(struct base_chan *chan, uint16_t type, uint64_t corr,
    struct base_span payload, int fd)
{
	struct base_item head = {.type = type, .corr = corr};
	uint8_t *to;
	enum mc_err ret;

	if (is_answer(type)) {
		return MC_FAIL(MC_EINTERNAL, "an answer with a descriptor");
	}
	head.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (head.fd < 0) {
		return MC_FAIL(MC_EIO, "dup: %s", strerrorname_np(errno));
	}
	ret = base_chan_reserve(chan, &head, payload.len, &to);
	if (ret != MC_OK) {
		(void)close(head.fd);
		return ret;
	}
	base_copy(to, payload.ptr, payload.len);
	chan->tail->fd = head.fd;
	return MC_OK;
}

void
base_chan_flush(struct base_chan *chan)
{
	if (chan->gone == MC_OK) {
		frames_send(chan, true);
	}
}

/* --- without a loop --- */

struct call {
	struct base_chan *chan;
	uint64_t corr;
	uint16_t type;
	bool ended;
	enum mc_err (*on_item)(void *self, const struct base_item *item);
	void *self;
};

static enum mc_err
item_to_call(void *self, const struct base_item *item)
{
	struct call *call = self;
	enum mc_err ret = MC_OK;

	if (item->type == call->type + 1 && item->corr == call->corr) {
		call->ended = (item->flags & BASE_ITEM_MORE) == 0;
		return call->on_item != NULL ? call->on_item(call->self, item) : MC_OK;
	}
	if (call->chan->on_item != NULL) {
		return call->chan->on_item(call->chan->self, call->chan, item);
	}
	if (item->type != BASE_CHAN_HELLO) {
		ret = MC_FAIL(MC_EFRAME, "item of type %u during a call", (unsigned)item->type);
	}
	if (item->fd >= 0) {
		(void)close(item->fd);
	}
	return ret;
}

/* Waits until the channel can be read, or written when frames wait. */
static enum mc_err
call_wait(struct base_chan *chan, int64_t until_us)
{
	struct pollfd poll_fd = {.fd = chan->fd,
	    .events = (short)(chan->head != NULL ? POLLIN | POLLOUT : POLLIN)};
	int64_t left_us = until_us - base_clock_boot_us();
	int ready;

	if (left_us <= 0) {
		return MC_FAIL(MC_EDEADLINE, "no answer in time");
	}
	ready = poll(&poll_fd, 1, (int)((left_us + 999) / 1000));
	if (ready < 0 && errno != EINTR) {
		return MC_FAIL(MC_EPEER, "poll: %s", strerrorname_np(errno));
	}
	if (ready > 0 && (poll_fd.revents & POLLOUT) != 0) {
		chan->blocked = false;
	}
	return MC_OK;
}

static enum mc_err
call_turn(struct call *call, int64_t until_us)
{
	struct base_chan *chan = call->chan;
	unsigned count = 0;
	size_t len = 0;
	int fd = -1;
	enum mc_err ret;

	frames_send(chan, true);
	ret = frame_read(chan, &count, &len, &fd);
	if (ret == MC_EBUSY) {
		return call_wait(chan, until_us);
	}
	if (ret != MC_OK) {
		gone_set(chan, ret);
		return ret;
	}
	ret = frame_deliver(chan, count, fd, item_to_call, call);
	explicit_bzero(chan->in, len);
	if (ret == MC_EFRAME) {
		gone_set(chan, ret);
	}
	return ret;
}

enum mc_err
base_chan_call(struct base_chan *chan, uint16_t type, struct base_span payload, int timeout_ms,
    enum mc_err (*on_item)(void *self, const struct base_item *item), void *self)
{
	int64_t until_us = base_clock_boot_us() + (int64_t)timeout_ms * 1000;
	struct call call = {.chan = chan, .type = type, .on_item = on_item, .self = self};
	enum mc_err ret;

	/* From the top down: a caller's own numbers start low. */
	call.corr = UINT64_MAX - chan->next_call++;
	ret = base_chan_send(chan, type, 0, call.corr, payload);
	while (ret == MC_OK && !call.ended) {
		ret = call_turn(&call, until_us);
	}
	return ret;
}
