#!/usr/bin/env bash
# data.sh: what the demonstration and some tests read: the flights data of vega-datasets (npm, 3,000,000 rows,
# BSD-3-Clause) and DuckDB's command line (PyPI, MIT). Into /usr/local/share/bough; what is there stays.
set -euo pipefail

share=/usr/local/share/bough
vega=vega-datasets@3.2.1
duckdb=duckdb-cli==1.5.5
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ ! -s "$share/data/flights-3m.parquet" ]; then
  (cd "$tmp" && npm pack --silent "$vega" >/dev/null)
  tar -xzf "$tmp"/vega-datasets-*.tgz -C "$tmp" package/data/flights-3m.parquet
  install -D -m 644 "$tmp/package/data/flights-3m.parquet" "$share/data/flights-3m.parquet"
fi
if [ ! -x "$share/bin/duckdb" ]; then
  python3 -m venv "$tmp/venv"
  "$tmp/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps -d "$tmp" "$duckdb"
  python3 -m zipfile -e "$tmp"/duckdb_cli-*.whl "$tmp/wheel"
  install -D -m 755 "$tmp/wheel/duckdb_cli/duckdb" "$share/bin/duckdb"
fi
echo "$share/data/flights-3m.parquet $share/bin/duckdb"
