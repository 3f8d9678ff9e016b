/* The shared page and its locks, with clients that are killed and pages that are damaged. */
#include "tests/support/test.h"

#include "meta/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char dir[TEST_PATH_BYTES_MAX];

static int setup(void **state)
{
	(void)state;
	test_dir_make(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_remove(dir);
	return 0;
}

static struct wake *open_wake(void)
{
	struct wake *w;
	struct bough_error e = {0};

	if (wake_open(dir, &w, &e))
		fail_msg("%s", e.message);
	return w;
}

static struct wake *open_with_slot(unsigned *slot)
{
	struct wake *w = open_wake();

	assert_int_equal(wake_slot_take(w, slot), 0);
	return w;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

/* A child runs @body with the write end of a pipe; the parent reads what it says. */
struct child {
	pid_t pid;
	int fd;
};

static struct child spawn(void (*body)(int fd))
{
	struct child c;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		body(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	c.fd = fds[0];
	return c;
}

static char hear(const struct child *c)
{
	char said = 0;

	assert_true(read(c->fd, &said, 1) >= 0);
	return said;
}

static void say(int fd, char c)
{
	if (write(fd, &c, 1) != 1)
		_exit(1);
}

static void end(struct child *c, int signal_number)
{
	if (signal_number)
		kill(c->pid, signal_number);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	close(c->fd);
}

static void announcements_only_rise(void **state)
{
	struct wake *a = open_wake(), *b = open_wake();

	(void)state;
	assert_int_equal(wake_commit(a), 0);
	wake_announce(a, 7);
	wake_announce(b, 5);
	assert_int_equal(wake_commit(a), 7);
	assert_int_equal(wake_commit(b), 7);
	assert_int_equal(wake_wait(b, 6, 10000), 7); /* at once */
	assert_int_equal(wake_wait(b, 7, 20), 7);    /* after the time */
	wake_close(a);
	wake_close(b);
}

static void announce_later(int fd)
{
	struct wake *w = open_wake();

	(void)fd;
	sleep_ms(100);
	wake_announce(w, 9);
}

static void kick_later(int fd)
{
	struct wake *w = open_wake();

	(void)fd;
	sleep_ms(100);
	wake_kick(w);
}

static void waiters_are_woken_across_processes(void **state)
{
	struct wake *w = open_wake();
	uint64_t began = now_ms();
	struct child c = spawn(announce_later);

	(void)state;
	assert_int_equal(wake_wait(w, 0, 20000), 9);
	end(&c, 0);
	c = spawn(kick_later);
	assert_int_equal(wake_wait(w, 9, 20000), 9);
	end(&c, 0);
	assert_in_range(now_ms() - began, 150, 10000);
	wake_close(w);
}

static void take_slot_and_stay(int fd)
{
	unsigned slot;
	struct wake *w = open_with_slot(&slot);

	wake_epoch_publish(w, 5);
	wake_mount_device(w, 77);
	say(fd, (char)slot);
	pause();
}

static void slots_fall_with_their_process(void **state)
{
	unsigned mine, again;
	struct wake *w = open_with_slot(&mine), *other;
	struct child c = spawn(take_slot_and_stay);
	unsigned its = (unsigned char)hear(&c);
	struct wake_other others[4];

	(void)state;
	assert_int_equal(mine, 0);
	assert_int_equal(its, 1);
	assert_int_equal(wake_others(w, others, ARRAY_SIZE(others)), 1);
	assert_int_equal(others[0].slot, its);
	assert_int_equal(others[0].pid, c.pid);
	assert_false(others[0].is_mount);
	assert_int_equal(others[0].device, 77);
	assert_int_equal(wake_others(w, others, 0), 0);
	assert_true(wake_slot_alive(w, mine));
	assert_true(wake_slot_alive(w, its));
	assert_false(wake_slot_alive(w, 2));
	assert_false(wake_slot_alive(w, WAKE_SLOTS));
	kill(c.pid, SIGSTOP); /* stopped is not dead */
	sleep_ms(20);
	assert_true(wake_slot_alive(w, its));
	assert_true(wake_other_alive(w, &others[0]));
	assert_int_equal(wake_epoch_min(w), 5);
	end(&c, SIGKILL);
	assert_false(wake_slot_alive(w, its));
	assert_false(wake_other_alive(w, &others[0]));
	assert_int_equal(wake_others(w, &others[1], 1), 0);
	assert_int_equal(wake_epoch_min(w), WAKE_EPOCH_IDLE);
	other = open_with_slot(&again);
	assert_int_equal(again, its);
	assert_true(wake_slot_alive(w, its));
	assert_false(wake_other_alive(w, &others[0]));
	wake_close(other);
	wake_close(w);
}

static void epochs(void **state)
{
	unsigned slot;
	struct wake *none = open_wake(), *a = open_with_slot(&slot), *b = open_with_slot(&slot);

	(void)state;
	assert_int_equal(wake_epoch_min(none), WAKE_EPOCH_IDLE);
	wake_epoch_publish(a, 100);
	wake_epoch_publish(b, 50);
	assert_int_equal(wake_epoch_min(none), 50);
	assert_int_equal(wake_epoch_min(a), 50);
	wake_epoch_publish(b, WAKE_EPOCH_IDLE);
	assert_int_equal(wake_epoch_min(b), 100);
	wake_epoch_publish(a, 0);
	assert_int_equal(wake_epoch_min(b), 0);
	wake_close(a);
	assert_int_equal(wake_epoch_min(none), WAKE_EPOCH_IDLE);
	wake_close(b);
	wake_close(none);
}

/* The page as a file of other people sees it. */
static uint8_t *map_page(size_t *ret_len)
{
	char path[TEST_PATH_BYTES_MAX + 8];
	struct stat st;
	uint8_t *map;
	int fd;

	snprintf(path, sizeof path, "%s/wake", dir);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	*ret_len = (size_t)st.st_size;
	map = mmap(NULL, *ret_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

static void unreadable_epochs_count_as_0(void **state)
{
	unsigned slot;
	struct wake *a = open_with_slot(&slot), *b = open_with_slot(&slot), *w = open_wake();
	size_t len;
	uint8_t *page = map_page(&len);

	(void)state;
	wake_epoch_publish(a, 100);
	wake_epoch_publish(b, 200);
	for (unsigned bit = 0; bit < 64; bit++) {
		page[64 + bit / 8] ^= 1 << bit % 8; /* slot 0 begins there with its epoch */
		assert_int_equal(wake_epoch_min(w), 0);
		page[64 + bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(wake_epoch_min(w), 100);
	memset(page, 0, len);
	assert_int_equal(wake_epoch_min(w), 0);
	wake_epoch_publish(a, 100);
	assert_int_equal(wake_epoch_min(w), 0); /* b has not spoken again */
	wake_epoch_publish(b, 200);
	assert_int_equal(wake_epoch_min(w), 100);
	munmap(page, len);
	wake_close(a);
	wake_close(b);
	wake_close(w);
}

static void damaged_pages_are_made_anew(void **state)
{
	uint64_t seed = test_seed();
	unsigned slot;
	struct wake *w = open_with_slot(&slot), *other = open_wake();
	size_t len;
	uint8_t *page = map_page(&len);

	(void)state;
	wake_mount_set(w, true);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < len; i++)
			page[i] = round ? (uint8_t)test_random(&seed) : 0;
		wake_mount_wait(other, 1, 0);
		wake_commit(other);
		wake_failed(other);
		wake_announce(other, 1000 + (unsigned)round);
		assert_int_equal(wake_commit(w), 1000 + (unsigned)round);
		assert_int_equal(wake_writer_lock(w, NULL, NULL), 0);
		assert_int_equal(wake_writer_pid(other), getpid());
		wake_writer_unlock(w);
		assert_false(wake_failed(w));
		wake_epoch_publish(w, 77);
		assert_int_equal(wake_epoch_min(other), 77);
	}
	munmap(page, len);
	wake_close(w);
	wake_close(other);
}

static void short_pages_grow_when_opened(void **state)
{
	struct wake *w = open_wake();
	char path[TEST_PATH_BYTES_MAX + 8];
	unsigned slot;

	(void)state;
	wake_close(w);
	snprintf(path, sizeof path, "%s/wake", dir);
	for (off_t len = 0; len < 200; len += 24) {
		assert_int_equal(truncate(path, len), 0);
		w = open_with_slot(&slot);
		wake_epoch_publish(w, 3);
		wake_announce(w, 4);
		assert_int_equal(wake_epoch_min(w), 3);
		wake_close(w);
	}
}

static void the_first_client_begins_anew(void **state)
{
	struct wake *a = open_wake(), *b;

	(void)state;
	wake_announce(a, 50);
	wake_set_failed(a);
	b = open_wake();
	assert_true(wake_failed(b));
	assert_int_equal(wake_commit(b), 50);
	wake_close(a);
	assert_true(wake_failed(b));
	wake_close(b);
	a = open_wake();
	assert_false(wake_failed(a));
	assert_int_equal(wake_commit(a), 0);
	wake_close(a);
}

static void hold_writer_lock(int fd)
{
	struct wake *w = open_wake();

	if (wake_writer_lock(w, NULL, NULL))
		_exit(1);
	say(fd, 'l');
	pause();
}

struct slow_calls {
	int n, pid;
	pid_t kill;
};

static void slow(void *arg, int pid)
{
	struct slow_calls *s = arg;

	s->n++;
	s->pid = pid;
	kill(s->kill, SIGKILL);
}

static void a_slow_writer_is_named_and_its_death_seen(void **state)
{
	struct wake *w = open_wake();
	struct child c = spawn(hold_writer_lock);
	struct slow_calls calls = {.kill = c.pid};
	uint64_t began;

	(void)state;
	hear(&c);
	assert_int_equal(wake_writer_pid(w), c.pid);
	began = now_ms();
	assert_int_equal(wake_writer_lock(w, slow, &calls), 0);
	assert_in_range(now_ms() - began, 990, 1900);
	assert_int_equal(calls.n, 1);
	assert_int_equal(calls.pid, c.pid);
	assert_int_equal(wake_writer_pid(w), getpid());
	wake_writer_unlock(w);
	assert_int_equal(wake_writer_pid(w), 0);
	end(&c, 0);
	wake_close(w);
}

static void mount_that_acks(int fd)
{
	unsigned slot;
	struct wake *w = open_with_slot(&slot);
	uint64_t seen = 0;

	wake_mount_set(w, true);
	say(fd, 'm');
	for (;;) {
		seen = wake_wait(w, seen, 1000);
		wake_mount_ack(w, seen);
	}
}

static void mounts_are_waited_for(void **state)
{
	unsigned slot;
	struct wake *w = open_with_slot(&slot);
	struct child c = spawn(mount_that_acks);
	uint64_t began;

	(void)state;
	hear(&c);
	wake_mount_set(w, true); /* never waits for itself */
	began = now_ms();
	for (uint64_t n = 1; n <= 200; n++) {
		wake_announce(w, n);
		wake_mount_wait(w, n, 5000);
	}
	assert_in_range(now_ms() - began, 0, 2500);

	kill(c.pid, SIGSTOP);
	sleep_ms(20);
	began = now_ms();
	wake_announce(w, 201);
	wake_mount_wait(w, 201, 200);
	assert_in_range(now_ms() - began, 190, 600);
	began = now_ms();
	wake_announce(w, 202); /* it lags: not waited for again */
	wake_mount_wait(w, 202, 5000);
	assert_in_range(now_ms() - began, 0, 300);

	kill(c.pid, SIGCONT); /* it catches up, and is waited for again */
	for (int i = 0; i < 100; i++) {
		sleep_ms(5);
		wake_announce(w, 203);
	}
	kill(c.pid, SIGSTOP);
	sleep_ms(20);
	began = now_ms();
	wake_announce(w, 204);
	wake_mount_wait(w, 204, 200);
	assert_in_range(now_ms() - began, 190, 600);
	kill(c.pid, SIGCONT);
	end(&c, SIGKILL);

	began = now_ms();
	wake_announce(w, 205); /* the dead are not waited for */
	wake_mount_wait(w, 205, 5000);
	assert_in_range(now_ms() - began, 0, 300);
	wake_close(w);
}

#define COUNTER_FILE "counter"

/* Adds 1 twice to a file under the writer lock, with a moment between where it is odd. */
static void add_for_ever(int fd)
{
	unsigned slot;
	struct wake *w = open_with_slot(&slot);
	char path[TEST_PATH_BYTES_MAX + 16];
	uint64_t seed = (uint64_t)getpid();
	_Atomic uint64_t *counter;
	int file;

	(void)fd;
	snprintf(path, sizeof path, "%s/" COUNTER_FILE, dir);
	file = open(path, O_RDWR);
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	for (;;) {
		wake_epoch_publish(w, 1 + test_random(&seed) % 100);
		if (wake_writer_lock(w, NULL, NULL))
			_exit(1);
		if (counter[0] != counter[1])
			counter[1] = counter[0]; /* what a killed one left */
		counter[0]++;
		if (test_random(&seed) % 64 == 0)
			usleep(200);
		if (counter[1]++ != counter[0] - 1)
			counter[2]++; /* two were inside */
		wake_writer_unlock(w);
		wake_epoch_publish(w, WAKE_EPOCH_IDLE);
	}
}

static void killed_anywhere(void **state)
{
	uint64_t seed = test_seed(), longest = 0, before;
	char path[TEST_PATH_BYTES_MAX + 16];
	struct wake *w = open_wake();
	_Atomic uint64_t *counter;
	struct child c[4];
	int file;

	(void)state;
	snprintf(path, sizeof path, "%s/" COUNTER_FILE, dir);
	file = open(path, O_RDWR | O_CREAT, 0644);
	assert_int_equal(ftruncate(file, 4096), 0);
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = spawn(add_for_ever);
	for (uint64_t n = test_scale(200); n; n--) {
		size_t victim = test_random(&seed) % ARRAY_SIZE(c);
		uint64_t epoch;

		usleep(test_random(&seed) % 5000);
		end(&c[victim], SIGKILL);
		before = now_ms();
		assert_int_equal(wake_writer_lock(w, NULL, NULL), 0);
		wake_writer_unlock(w);
		longest = now_ms() - before > longest ? now_ms() - before : longest;
		epoch = wake_epoch_min(w);
		assert_true(epoch <= 100 || epoch == WAKE_EPOCH_IDLE);
		c[victim] = spawn(add_for_ever);
	}
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		end(&c[i], SIGKILL);
	print_message("%llu turns, longest wait after a kill %llu ms\n",
		(unsigned long long)counter[0], (unsigned long long)longest);
	assert_int_equal(counter[2], 0);
	assert_true(counter[0] > 100);
	assert_int_equal(wake_epoch_min(w), WAKE_EPOCH_IDLE);
	munmap((void *)counter, 4096);
	close(file);
	wake_close(w);
}

static void take_300_slots(int fd)
{
	unsigned slot;

	for (unsigned i = 0; i < 300; i++) {
		open_with_slot(&slot);
		if (slot != i + 1)
			_exit(1);
	}
	say(fd, 'a');
	pause();
}

static void many_clients(void **state)
{
	unsigned slot;
	struct wake *w = open_with_slot(&slot);
	struct child c = spawn(take_300_slots);
	uint64_t began;

	(void)state;
	assert_int_equal(hear(&c), 'a');
	began = now_ms();
	assert_int_equal(wake_epoch_min(w), WAKE_EPOCH_IDLE);
	assert_in_range(now_ms() - began, 0, 200);
	assert_true(wake_slot_alive(w, 300));
	assert_false(wake_slot_alive(w, 301));
	end(&c, SIGKILL);
	wake_close(w);
}

static void what_cannot_be_opened(void **state)
{
	struct wake *w;
	struct bough_error e = {0};

	(void)state;
	assert_int_equal(wake_open("/nonexistent/meta", &w, &e), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	wake_close(NULL);
}

#define wake_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		wake_test(announcements_only_rise),
		wake_test(waiters_are_woken_across_processes),
		wake_test(slots_fall_with_their_process),
		wake_test(epochs),
		wake_test(unreadable_epochs_count_as_0),
		wake_test(damaged_pages_are_made_anew),
		wake_test(short_pages_grow_when_opened),
		wake_test(the_first_client_begins_anew),
		wake_test(a_slow_writer_is_named_and_its_death_seen),
		wake_test(mounts_are_waited_for),
		wake_test(killed_anywhere),
		wake_test(many_clients),
		wake_test(what_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
