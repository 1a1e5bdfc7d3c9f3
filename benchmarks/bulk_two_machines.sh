#!/bin/sh
# `facesmith bulk` with the scheduler and the workers in two network namespaces, which see each
# other over a virtual cable only, as two machines do. Needs root on Linux.
#
#     benchmarks/bulk_two_machines.sh PHOTOS OUT
set -eu
photos=$1 out=$2 python=${PYTHON:-python}
head=facesmith-head node=facesmith-node
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
ip link add fs-head netns $head type veth peer name fs-node netns $node
ip -n $head addr add 10.77.0.1/24 dev fs-head
ip -n $node addr add 10.77.0.2/24 dev fs-node
for name in $head $node; do ip -n $name link set lo up; done
ip -n $head link set fs-head up
ip -n $node link set fs-node up
ip netns exec $head "$python" -m distributed.cli.dask_scheduler --host 10.77.0.1 --port 8786 --no-dashboard &
pids="$pids $!"
ip netns exec $node "$python" -m distributed.cli.dask_worker tcp://10.77.0.1:8786 --nworkers 2 --nthreads 1 --no-dashboard &
pids="$pids $!"
ip netns exec $head "$python" -m facesmith bulk "$photos" --out "$out" --engine dask \
    --scheduler tcp://10.77.0.1:8786 --shard-size 10
