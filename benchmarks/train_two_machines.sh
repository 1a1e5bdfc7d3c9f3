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
head=facesmith-first node=facesmith-second
cleanup() {
    kill $pids 2>/dev/null || true
    ip netns del $head 2>/dev/null || true
    ip netns del $node 2>/dev/null || true
}
pids=
trap cleanup EXIT
trap "exit 130" INT TERM
ip netns add $head
ip netns add $node
ip link add ft-head netns $head type veth peer name ft-node netns $node
ip -n $head addr add 10.78.0.1/24 dev ft-head
ip -n $node addr add 10.78.0.2/24 dev ft-node
for name in $head $node; do ip -n $name link set lo up; done
ip -n $head link set ft-head up
ip -n $node link set ft-node up
export MASTER_ADDR=10.78.0.1 MASTER_PORT=29500
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
