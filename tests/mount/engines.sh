# Real engines on real data: each sees exactly the rows of the branch it reads.
. "$SOURCE/tests/mount/lib.sh"
python=${BOUGH_VENV:-/usr/local/lib/bough/venv}/bin/python
flights=/usr/local/share/bough/data/flights-3m.parquet
for module in duckdb pandas pyarrow chdb; do
  "$python" -c "import $module" 2>/dev/null ||
    { echo "skipped: no Python module $module (tools/deps.sh --test installs it)"; exit 77; }
done
[ -f "$flights" ] || { echo "skipped: no $flights (tools/deps.sh --test fetches it)"; exit 77; }

mkdir -p in
"$python" "$SOURCE/tests/mount/engines.py" split "$flights" in
bough init "$s" >/dev/null
mount_store
t=$m/sales/flights
ok bough -s "$m" import sales.flights in/01.parquet in/02.parquet
ok mkdir "$t/_refs/dev"
ok mkdir -m 555 "$t/_refs/v1"
ok bough -s "$m" import sales.flights/dev in/03.parquet in/04.parquet
ok bough -s "$m" import sales.flights in/05.parquet
ok "$python" "$SOURCE/tests/mount/engines.py" compare "$t/data" in/01.parquet in/02.parquet in/05.parquet
ok "$python" "$SOURCE/tests/mount/engines.py" compare "$t/_refs/dev/data" \
  in/01.parquet in/02.parquet in/03.parquet in/04.parquet
ok "$python" "$SOURCE/tests/mount/engines.py" compare "$t/_refs/v1/data" in/01.parquet in/02.parquet
sound
unmount
finish
