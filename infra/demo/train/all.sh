#!/usr/bin/env bash
# Trains the demo model from scratch: scenes, tokenizers, model, held-out numbers.
#
#   bash all.sh DATA OUT
#
# It needs a GPU for the model, and takes as many processors as there are for the rest. GENERATE names the built
# scene generator where this is no checkout that was built.
set -euo pipefail
mkdir -p "$1" "$2"
data=$(realpath "$1") out=$(realpath "$2")
cd "$(dirname "$0")"
export data out PATCH=4 PREDICTED=96,96 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
export GENERATE=${GENERATE:-../../../dist/infra/demo/scene/generate.js}
# Not nproc, which OMP_NUM_THREADS=1 makes say 1.
each() { xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c "$1" each; }

{ for i in $(seq 0 15); do echo "$i" 5000 $((5000 * i)); done; echo test 600 1000000000; } |
  each 'node "$GENERATE" "$data/$1" "$2" "$3" && python3 words.py "$data/$1"'      # folder, scenes, first seed
each 'python3 tokenizers.py "$1" "$data" "$out" "$2"' <<< "rgb 280
semseg 170
canny_edge 160
depth 150
normal 150
scene_global 60"                                        # processor seconds
python3 train.py "$data" "$out" 370 384 1 1.2e-3        # seconds, batch, workers, rate
python3 check.py "$data" "$out" 512
