/* What decodes is encoded again (unless its sums overflow), and then is a fixed point. */
#include "tests/fuzz/wrap.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct codec_segment s cleanup(codec_segment_deinit) = {0};
	struct codec_segment t cleanup(codec_segment_deinit) = {0};
	struct buf owned auto_buf = {0}, once auto_buf = {0}, twice auto_buf = {0};
	struct slice file = wrap_input(CODEC_SEGMENT, data, len, &owned);
	struct bough_error error = {0};
	int r;

	if (codec_segment_decode(file, &s, &error)) {
		FUZZ_CHECK(!s.blocks && !s.summary.stats.columns);
		return 0;
	}
	r = codec_segment_encode(&s, CODEC_NONE, &once);
	FUZZ_CHECK(!r || (r == -EINVAL && !once.len));
	if (r)
		return 0;
	FUZZ_CHECK(!codec_segment_decode(buf_slice(&once), &t, &error));
	FUZZ_CHECK(!codec_segment_encode(&t, CODEC_NONE, &twice));
	FUZZ_CHECK(slice_equal(buf_slice(&once), buf_slice(&twice)));
	return 0;
}
