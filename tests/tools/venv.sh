#!/bin/sh
# venv.sh SCRIPT ARG ...: run it by the tests' Python, which has pyarrow and duckdb; 77 without.
python=${BOUGH_VENV:-/usr/local/lib/bough/venv}/bin/python
"$python" -c 'import duckdb, pyarrow' 2>/dev/null || { echo "no pyarrow and duckdb in $python"; exit 77; }
exec "$python" -B "$@"
