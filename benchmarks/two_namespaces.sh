# Sourced by the scripts for two machines: the network namespaces $head and $node, with the
# addresses $head_address and $node_address, joined by a virtual cable. Needs root on Linux. Both go
# when the script ends, and so do the processes in $pids.
head=facesmith-head node=facesmith-node head_address=10.77.0.1 node_address=10.77.0.2
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
ip -n $head addr add $head_address/24 dev fs-head
ip -n $node addr add $node_address/24 dev fs-node
for name in $head $node; do ip -n $name link set lo up; done
ip -n $head link set fs-head up
ip -n $node link set fs-node up
