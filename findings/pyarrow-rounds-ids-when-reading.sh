#!/usr/bin/env bash
# pyarrow 26.0.1 (PyPI), Python 3.11. Seen 2026-12-01.
#
# An integer that float64 does not have is refused when a column is cast, and rounded without a word when the same column
# is read as float64 or cast from text: 9007199254740993 becomes 9007199254740992. Two identifiers in a CSV file become
# one. So the check that a cast makes cannot be relied upon where a reader does the conversion.
#
# Seen:
#   cast of int64:  ArrowInvalid: Integer value 9007199254740993 not in range
#   cast of text:   1 distinct value of 2
#   read_csv:       1 distinct value of 2
#
# Instead: read identifiers as text (column_types={"id": pa.string()}).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import pyarrow as pa
from pyarrow import csv

ids = [9007199254740992, 9007199254740993]
try:
    pa.array(ids).cast(pa.float64())
except pa.ArrowInvalid as error:
    print("cast of int64: ", type(error).__name__, error)
else:
    raise SystemExit("a cast of int64 rounds now")
text = pa.array([str(number) for number in ids]).cast(pa.float64())
read = csv.read_csv(
    io.BytesIO("\n".join(["id", *map(str, ids)]).encode()),
    convert_options=csv.ConvertOptions(column_types={"id": pa.float64()}),
)["id"]
print("cast of text:  ", len(text.unique()), "distinct value of 2")
print("read_csv:      ", len(read.unique()), "distinct value of 2")
assert len(text.unique()) == len(read.unique()) == 1
PYTHON
