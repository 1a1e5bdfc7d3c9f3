#!/bin/sh
# `facesmith bulk` with the scheduler and the workers in two network namespaces, which see each
# other over a virtual cable only, as two machines do. Needs root on Linux.
#
#     benchmarks/bulk_two_machines.sh PHOTOS OUT
set -eu
photos=$1 out=$2 python=${PYTHON:-python}
. "$(dirname "$0")/two_namespaces.sh"
ip netns exec $head "$python" -m distributed.cli.dask_scheduler --host $head_address --port 8786 --no-dashboard &
pids="$pids $!"
ip netns exec $node "$python" -m distributed.cli.dask_worker tcp://$head_address:8786 --nworkers 2 --nthreads 1 --no-dashboard &
pids="$pids $!"
ip netns exec $head "$python" -m facesmith bulk "$photos" --out "$out" --engine dask \
    --scheduler tcp://$head_address:8786 --shard-size 10
