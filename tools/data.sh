#!/usr/bin/env bash
# data.sh: what the demonstration reads and reads with, into /usr/local/share/bough: the flights data of npm package
# vega-datasets (3,000,000 rows, BSD-3-Clause), and DuckDB's command line from PyPI (MIT). Run again it does nothing.
set -euo pipefail

share=/usr/local/share/bough
flights_package=vega-datasets@3.2.1
flights_sha256=dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0
duckdb_package=duckdb-cli==1.5.5
duckdb_sha256_x86_64=3d33b1df037cb049155c393778df7853fafb23e9d49d7c9cacdde4dd67155788

has_sum() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; }
die() { echo "data.sh: $*" >&2; exit 1; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! has_sum "$share/data/flights-3m.parquet" "$flights_sha256"; then
  (cd "$tmp" && npm pack --silent --ignore-scripts "$flights_package" >/dev/null)
  tar -xzf "$tmp"/vega-datasets-*.tgz -C "$tmp" package/data/flights-3m.parquet
  has_sum "$tmp/package/data/flights-3m.parquet" "$flights_sha256" ||
    die "flights-3m.parquet of $flights_package is not the file that was pinned"
  install -D -m 644 "$tmp/package/data/flights-3m.parquet" "$share/data/flights-3m.parquet"
fi
if [ ! -x "$share/bin/duckdb" ]; then
  python3 -m venv "$tmp/venv"
  "$tmp/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps -d "$tmp" "$duckdb_package"
  python3 -m zipfile -e "$tmp"/duckdb_cli-*.whl "$tmp/wheel"
  [ "$(uname -m)" != x86_64 ] || has_sum "$tmp/wheel/duckdb_cli/duckdb" "$duckdb_sha256_x86_64" ||
    die "the program of $duckdb_package is not the file that was pinned"
  install -D -m 755 "$tmp/wheel/duckdb_cli/duckdb" "$share/bin/duckdb"
fi
