#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "objstore/base/error.h"

static void the_first_error_is_kept(void **state)
{
	struct bough_error e = {0};

	(void)state;
	assert_int_equal(error_set(&e, -ENOENT, "no table '%s'", "t"), -ENOENT);
	assert_int_equal(error_set(&e, -EIO, "import failed"), -EIO);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.message, "no table 't'");
}

static void the_first_hint_is_kept(void **state)
{
	struct bough_error e = {0};

	(void)state;
	error_set(&e, -EEXIST, "taken");
	assert_int_equal(error_hint(&e, -EEXIST, "choose another than %s", "dev"), -EEXIST);
	assert_int_equal(error_hint(&e, -EEXIST, "try again"), -EEXIST);
	assert_string_equal(e.hint, "choose another than dev");
	error_number(&e, 2745);
	assert_int_equal(e.number, 2745);
}

static void nobody_listening_is_fine(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_hint(NULL, -EIO, "x"), -EIO);
	error_number(NULL, 1);
}

static void long_words_are_cut(void **state)
{
	struct bough_error e = {0};
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 0;
	error_set(&e, -EINVAL, "%s", text);
	error_hint(&e, -EINVAL, "%s", text);
	assert_int_equal(strlen(e.message), BOUGH_MESSAGE_BYTES_MAX - 1);
	assert_int_equal(strlen(e.hint), BOUGH_HINT_BYTES_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_error_is_kept),
		cmocka_unit_test(the_first_hint_is_kept),
		cmocka_unit_test(nobody_listening_is_fine),
		cmocka_unit_test(long_words_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
