#!/bin/sh
# One machine with four devices. For several machines, run this on each with the same --rdzv-endpoint and
# NODES=2 (and --trainer.num_nodes 2).
set -eu
NODES="${NODES:-1}"
DEVICES="${DEVICES:-4}"
exec torchrun --nnodes "$NODES" --nproc-per-node "$DEVICES" \
    --rdzv-backend c10d --rdzv-endpoint "${ENDPOINT:-localhost:29400}" \
    -m glasshouse run --config run.yaml \
    --trainer.num_nodes "$NODES" --trainer.devices "$DEVICES" --trainer.strategy ddp "$@"
