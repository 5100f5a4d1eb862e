# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# The laboratory of tools/bench-live and tools/bench-packets, which read this file: two network
# namespaces joined by veth, the packet generator in one and on one CPU, the receiver in the other
# and on another CPU.
#
# Names hold the pid, so that any number of runs go side by side. Nothing but the generator's
# packets passes: no ARP, no IPv6 of the kernel's own. lab_down removes it all, whatever is there.

# shellcheck source=tools/lab-parts.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lab-parts.sh"

RX_NS=weir-live-$$-rx TX_NS=weir-live-$$-tx
# The interfaces, of at most 15 characters; the kernel names the receiving thread after the first.
RX=wrx$$ TX=wtx$$
TX_CPU=0 RX_CPU=1
RX_THREAD=''
# Words before a command. Not "ip netns exec": that would hide the bpffs.
IN_RX=(nsenter --net="/run/netns/$RX_NS" --)
IN_TX=(nsenter --net="/run/netns/$TX_NS" --)
ON_RX=("${IN_RX[@]}" taskset -c "$RX_CPU")
# The generator; lab_up completes it.
BLAST=()

quiet_link()
{
	local ns=$1 dev=$2

	nsenter --net="/run/netns/$ns" -- sh -c \
		'! cd /proc/sys/net/ipv6/conf || echo 1 | tee all/disable_ipv6 default/disable_ipv6' \
		>/dev/null && ip -n "$ns" link set dev "$dev" arp off up
}

receiving_thread()
{
	local comm

	for comm in /proc/[0-9]*/comm; do
		[[ $(cat "$comm" 2>/dev/null) == "napi/$RX-"* ]] || continue
		basename "$(dirname "$comm")"
		return
	done
	return 1
}

# GRO makes NAPI, and so the thread, with an XDP program or without. One queue, one thread.
lab_up()
{
	local mac

	mount_bpffs &&
		ip netns add "$RX_NS" && ip netns add "$TX_NS" &&
		ip -n "$RX_NS" link add "$RX" numtxqueues 1 numrxqueues 1 type veth \
			peer name "$TX" numtxqueues 1 numrxqueues 1 netns "$TX_NS" &&
		quiet_link "$RX_NS" "$RX" && quiet_link "$TX_NS" "$TX" &&
		"${IN_RX[@]}" ethtool -K "$RX" gro on &&
		ip netns exec "$RX_NS" sh -c "echo 1 >/sys/class/net/$RX/threaded" &&
		mac=$(ip -n "$RX_NS" -j link show dev "$RX" | jq -r '.[0].address') &&
		RX_THREAD=$(receiving_thread) &&
		taskset -pc "$RX_CPU" "$RX_THREAD" >/dev/null || return
	BLAST=("${IN_TX[@]}" "$BUILD/blast" --dev "$TX" --to "$mac" --cpu "$TX_CPU")
}

lab_down()
{
	ip -n "$RX_NS" link del dev "$RX" 2>/dev/null
	[[ ! -e /run/netns/$RX_NS ]] || ip netns del "$RX_NS"
	[[ ! -e /run/netns/$TX_NS ]] || ip netns del "$TX_NS"
}

# The receiving interface's counters, as one line of JSON.
counters()
{
	ip -n "$RX_NS" -j -s link show dev "$RX" |
		jq -c '.[0].stats64.rx | {packets, bytes, lost: .dropped}'
}

# The same once all that was sent has come.
counters_at_rest()
{
	local then='' now _

	for _ in {1..100}; do
		now=$(counters)
		[[ $now != "$then" ]] || break
		then=$now
		sleep 0.05
	done
	echo "$now"
}
