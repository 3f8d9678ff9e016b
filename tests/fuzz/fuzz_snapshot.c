/* What decodes is encoded again, and then is a fixed point. */
#include "tests/fuzz/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct codec_snapshot t cleanup(codec_snapshot_deinit) = {0};
	struct buf owned auto_buf = {0}, once auto_buf = {0}, twice auto_buf = {0};
	struct slice file = wrap_input(CODEC_SNAPSHOT, data, len, &owned);
	struct bough_error error = {0};

	if (codec_snapshot_decode(file, &s, &error)) {
		FUZZ_CHECK(!s.segments && !s.schema.fields && !s.summary.stats.columns);
		return 0;
	}
	FUZZ_CHECK(!codec_snapshot_encode(&s, CODEC_NONE, &once));
	FUZZ_CHECK(!codec_snapshot_decode(buf_slice(&once), &t, &error));
	FUZZ_CHECK(!codec_snapshot_encode(&t, CODEC_NONE, &twice));
	FUZZ_CHECK(slice_equal(buf_slice(&once), buf_slice(&twice)));
	return 0;
}
