#include "fs/passthrough.h"
#include "tests/support/test.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

static _Atomic int opened, closed, next_id;
static _Atomic int answer; /* of the next opens; 0: a fresh id */

static int fake_open(int dev_fd, int fd)
{
	(void)dev_fd;
	(void)fd;
	if (answer)
		return answer;
	opened++;
	return ++next_id;
}

static void fake_close(int dev_fd, uint32_t id)
{
	(void)dev_fd;
	assert_true(id > 0);
	closed++;
}

static const struct fs_backing_ops fake = {fake_open, fake_close};

/** The kernel's INIT and libfuse's reply, as they lie on the wire. */
struct wire {
	uint32_t request[16]; /* header 40 bytes, then major minor readahead flags flags2 */
	uint32_t header[4];
	uint32_t reply[16];
};

static void shake_hands(struct fs_passthrough *p, struct wire *w, bool is_offered)
{
	struct iovec iov[2] = {{w->header, sizeof w->header}, {w->reply, sizeof w->reply}};

	memset(w, 0, sizeof *w);
	w->request[1] = 26;
	w->request[2] = w->header[2] = 99;
	w->request[13] = 1u << 30;
	w->request[14] = is_offered ? 1u << 5 : 0;
	fs_passthrough_request(p, w->request, sizeof w->request);
	fs_passthrough_reply(p, iov, 2);
}

static int setup(void **state)
{
	struct fs_passthrough *p;
	struct wire w;

	opened = closed = next_id = answer = 0;
	assert_int_equal(fs_passthrough_new(-1, &fake, &p), 0);
	shake_hands(p, &w, true);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	fs_passthrough_free(*state);
	return 0;
}

static void init_is_patched_where_offered(void **state)
{
	struct fs_passthrough *p = *state;
	struct wire w;

	assert_true(fs_passthrough_granted(p));
	shake_hands(p, &w, true);
	assert_int_equal(w.reply[3], 1u << 30); /* flags */
	assert_int_equal(w.reply[8], 1u << 5);	/* flags2 */
	assert_int_equal(w.reply[9], 1);	/* max_stack_depth */
	shake_hands(p, &w, false);
	assert_int_equal(w.reply[3], 0);
	assert_int_equal(w.reply[8], 0);
}

static void only_the_reply_to_init_is_patched(void **state)
{
	struct fs_passthrough *p = *state;
	uint32_t header[4] = {80, 0, 98, 0}, reply[16] = {0};
	struct iovec iov[2] = {{header, sizeof header}, {reply, sizeof reply}};

	fs_passthrough_reply(p, iov, 2);
	assert_int_equal(reply[8], 0);
}

static void one_id_per_inode_while_it_is_open(void **state)
{
	struct fs_passthrough *p = *state;
	uint32_t id = fs_passthrough_open(p, 1616, 5);

	assert_int_not_equal(id, 0);
	assert_int_equal(fs_passthrough_open(p, 1616, 6), id);
	assert_int_equal(fs_passthrough_join(p, 1616), id);
	assert_int_equal(fs_passthrough_join(p, 1648), 0);
	assert_int_equal(opened, 1);
	fs_passthrough_close(p, 1616);
	fs_passthrough_close(p, 1616);
	assert_int_equal(closed, 0);
	fs_passthrough_close(p, 1616);
	assert_int_equal(closed, 1);
	assert_int_equal(fs_passthrough_join(p, 1616), 0);
}

/* The kernel refuses to mix both ways on one inode. */
static void an_inode_is_open_in_one_way(void **state)
{
	struct fs_passthrough *p = *state;

	answer = -ELOOP;
	assert_int_equal(fs_passthrough_open(p, 1616, 5), 0);
	answer = 0;
	assert_int_equal(fs_passthrough_open(p, 1616, 5), 0);
	assert_int_equal(fs_passthrough_join(p, 1616), 0);
	assert_int_not_equal(fs_passthrough_open(p, 1648, 5), 0);
	fs_passthrough_close(p, 1616);
	fs_passthrough_close(p, 1616);
	assert_int_not_equal(fs_passthrough_open(p, 1616, 5), 0);
	assert_int_equal(closed, 0);
}

static void a_kernel_that_says_no_is_not_asked_again(void **state)
{
	struct fs_passthrough *p = *state;

	answer = -EPERM;
	assert_int_equal(fs_passthrough_open(p, 1616, 5), 0);
	answer = 0;
	assert_int_equal(fs_passthrough_open(p, 1648, 5), 0);
	assert_false(fs_passthrough_granted(p));
	assert_int_equal(opened, 0);
}

static void *open_and_close(void *arg)
{
	struct fs_passthrough *p = arg;

	for (int i = 0; i < 20000; i++) {
		uint64_t ino = 16 + 32 * (uint64_t)(i % 3);

		if (!fs_passthrough_join(p, ino))
			fs_passthrough_open(p, ino, 5);
		fs_passthrough_close(p, ino);
	}
	return NULL;
}

static void threads_leave_nothing_open(void **state)
{
	struct fs_passthrough *p = *state;
	pthread_t t[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, open_and_close, p), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_true(opened > 0);
	assert_int_equal(opened, closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(init_is_patched_where_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_reply_to_init_is_patched, setup, teardown),
		cmocka_unit_test_setup_teardown(one_id_per_inode_while_it_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(an_inode_is_open_in_one_way, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_kernel_that_says_no_is_not_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_leave_nothing_open, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
