#!/usr/bin/env bash
# pandas 3.1.1, pyarrow 26.0.1 (PyPI), Python 3.11. Seen 2026-12-01.
#
# Groups made by pandas.cut lose which end belongs to them as soon as they are Arrow values: pa.array(...).to_pylist()
# gives {'left': 0, 'right': 30} for "(0, 30]" and for "[0, 30)" alike (the side is in the type only), and
# DataFrame.to_parquet of such a column raises ArrowNotImplementedError. Whoever names groups by the Arrow values calls
# two different groupings by one name.
#
# Seen:
#   closed right: [{'left': 0, 'right': 30}, {'left': 30, 'right': 60}]
#   closed left:  [{'left': 0, 'right': 30}, {'left': 30, 'right': 60}]
#   to_parquet: ArrowNotImplementedError
#
# Instead: name the categories by their text before Arrow sees them, column.cat.rename_categories(str), or read `closed`
# from the extension type.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
import pyarrow as pa

found = {}
for side, right in (("right", True), ("left", False)):
    column = pd.Series(pd.cut([5, 45], [0, 30, 60], right=right))
    found[side] = pa.array(column).to_pylist()
    print(f"closed {side}:", found[side], "as text", column.astype(str).tolist())
assert found["right"] == found["left"] == [{"left": 0, "right": 30}, {"left": 30, "right": 60}]
try:
    pd.DataFrame({"age": pd.cut([5, 45], [0, 30, 60])}).to_parquet("age.parquet")
except pa.ArrowNotImplementedError as error:
    print("to_parquet:", type(error).__name__, str(error)[:60])
else:
    raise SystemExit("to_parquet writes intervals now")
PYTHON
