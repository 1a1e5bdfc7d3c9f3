#!/bin/sh
# `facesmith train --num-nodes 2` with the processes in two network namespaces, which see each other
# over a virtual cable only, as two machines do. Needs root on Linux. What each machine says is
# written to OUT-0.txt and OUT-1.txt.
#
#     benchmarks/train_two_machines.sh OUT FACES OPTIONS...
#
# DIE=1 (or DIE=0) kills that machine's process two seconds after the first checkpoint of the
# proposals. The exit codes of both are printed.
set -eu
out=$1
shift
python=${PYTHON:-python}
. "$(dirname "$0")/two_namespaces.sh"
export MASTER_ADDR=$head_address MASTER_PORT=29500
NODE_RANK=0 ip netns exec $head "$python" -m facesmith train "$@" --num-nodes 2 --out "$out" >"$out-0.txt" 2>&1 &
first=$!
NODE_RANK=1 ip netns exec $node "$python" -m facesmith train "$@" --num-nodes 2 --out "$out" >"$out-1.txt" 2>&1 &
second=$!
pids="$first $second"
if [ -n "${DIE:-}" ]; then
    until [ -e "$out/proposals/checkpoints/last.pt" ]; do
        kill -0 $first && kill -0 $second
        sleep 0.1
    done
    sleep 2
    if [ "$DIE" = 0 ]; then kill -9 $first; else kill -9 $second; fi
fi
code=0
wait $first || code=$?
echo "first machine: exit code $code"
code=0
wait $second || code=$?
echo "second machine: exit code $code"
