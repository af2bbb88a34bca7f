#!/bin/sh
# For preemptible machines: resumes the newest unfinished run called NAME, or starts one. Run it again each time the
# machine is back.
set -eu
NAME="${NAME:-spot}"
RUNS="${RUNS:-runs}"
NODES="${NODES:-1}"
DEVICES="${DEVICES:-1}"

newest="$(find "$RUNS/$NAME" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | tail -n 1 || true)"
if [ -n "$newest" ] && [ ! -e "$newest/record.json" ] && [ -e "$newest/config.yaml" ]; then
    set -- run --resume "$newest"
else
    set -- run --config run.yaml --name "$NAME" --run_dir "$RUNS" \
        --trainer.num_nodes "$NODES" --trainer.devices "$DEVICES" "$@"
fi

if [ "$NODES" = 1 ] && [ "$DEVICES" = 1 ]; then
    exec glasshouse "$@"
fi
exec torchrun --nnodes "$NODES" --nproc-per-node "$DEVICES" \
    --rdzv-backend c10d --rdzv-endpoint "${ENDPOINT:-localhost:29400}" -m glasshouse "$@"
