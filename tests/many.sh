#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Several interfaces at once: rows of each, their sums against the kernel's counters, and pairs that
# see the same packets, which are told of and not summed.  tests/many.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"
# shellcheck source=tools/lab-parts.sh
. "$(dirname "$0")/../tools/lab-parts.sh"

pane() { tmux -L "$NAME" "$@"; }

after_case()
{
	pane kill-server
	lab_down
}

# wtap0 is made a port of br0, which takes its address; wtap1 is a second link to the peer.
lab()
{
	need jq ip
	lab_up
	host ip link add wtap1 type veth peer name wsrc1 netns "$NAME-peer" || fail "no second link"
	host ip addr add 198.51.100.1/24 dev wtap1 && host ip link set wtap1 up
	peer ip addr flush dev wsrc1
	peer ip route del 198.51.100.0/24
	peer ip addr add 198.51.100.2/24 dev wsrc1 && peer ip link set wsrc1 up
	await_link "$NAME-host" wtap1 || fail "the second link does not come up"
	host sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	peer sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	host sysctl -qw net.ipv4.icmp_ratelimit=0
	# No ARP: five seconds after the first answer each side would ask whether the other is still there.
	neighbours "$HOST4" "$PEER4"
	IF=wtap1 PEER_IF=wsrc1 neighbours 198.51.100.1 198.51.100.2
}

bridge()
{
	host ip link add br0 type bridge || skip "there are no bridges"
	host ip addr flush dev wtap0
	host ip link set wtap0 master br0
	host ip addr add "$HOST4/24" dev br0
	host ip link set br0 up
	peer ping -q -c 1 -W 3 "$HOST4" >/dev/null || fail "the bridge does not work"
}

# Known traffic, of each link its own: 500 datagrams by the first, 300 by the second.
traffic()
{
	same "datagrams sent" "$(peer "$LOAD" --rate 20000 udp "$PEER4" "$HOST4" 7001 500)" 500
	same "datagrams sent" "$(peer "$LOAD" --rate 20000 udp 198.51.100.2 198.51.100.1 7002 300)" 300
	sleep 0.5
}

# EXPRESSION: over what show -j said last.
ask()
{
	jq -r "$1" "$TMP/shown"
}

shown()
{
	good weir show -j -n 0 "$@"
	cp "$TMP/out" "$TMP/shown"
}

# DEV WHAT: the kernel's counter.
kernel()
{
	host ip -j -s link show "$1" | jq ".[0].stats64.$2"
}

case_two()
{
	local first second

	lab
	good weir attach -q -i wtap0 -i wtap1
	first=$(kernel wtap0 rx.packets) second=$(kernel wtap1 rx.packets)
	traffic
	shown flows -i wtap0 -i wtap1
	same "interfaces" "$(ask '.interfaces | tostring')" '["wtap0","wtap1"]'
	same "overlaps" "$(ask '.overlaps | length')" 0
	same "rows without an interface" "$(ask '[.flows[] | select(.interface == null)] | length')" 0
	same "datagrams by port and interface" \
		"$(ask '[.flows[] | select(.proto == 17 and .dport > 7000) | "\(.interface) \(.dport) \(.packets)"] | sort | join(", ")')" \
		"wtap0 7001 500, wtap1 7002 300"
	# Each part is what the kernel counted there, and the sums are of the parts.
	same "received on wtap0" "$(ask '.by_interface[0].ledger.interface.rx_packets')" \
		"$(($(kernel wtap0 rx.packets) - first))"
	same "received on wtap1" "$(ask '.by_interface[1].ledger.interface.rx_packets')" \
		"$(($(kernel wtap1 rx.packets) - second))"
	same "seen on each against the kernel's" \
		"$(ask '[.by_interface[].ledger | .seen - .interface.rx_packets - .interface.tx_packets] | tostring')" "[0,0]"
	same "the sum of seen" "$(ask '[.by_interface[].ledger.seen] | add')" "$(ask .ledger.seen)"
	same "the sum of bytes" "$(ask '[.by_interface[].totals.bytes] | add')" "$(ask .totals.bytes)"
	same "the sum of sizes" "$(ask '[.by_interface[].totals.sizes[].packets] | add')" \
		"$(ask '[.totals.sizes[].packets] | add')"
	same "the sum of the kernel's" "$(ask '[.by_interface[].ledger.interface.rx_bytes] | add')" \
		"$(ask .ledger.interface.rx_bytes)"
	same "balanced" "$(ask '[.ledger.balanced, .by_interface[].ledger.balanced] | tostring')" "[true,true,true]"
	# What is cut off is so of both together.
	good weir show flows -j -n 1 -i wtap0 -i wtap1
	same "rows, shown and in all" "$(jq -c '.rows.flows | [.shown, .total]' "$TMP/out")" "[1,$(ask '.flows | length')]"
	same "packets, shown and left out" "$(jq '.rows.flows.left_out.packets + .flows[0].packets' "$TMP/out")" \
		"$(ask '[.flows[].packets] | add')"
	# The same rows as each alone has.
	good weir show flows -j -n 0 -i wtap0
	cp "$TMP/out" "$TMP/alone"
	good weir show flows -j -n 0 -i wtap1
	# Each process has its own idea, to the nanosecond, of when the machine was started.
	same "rows of both against those of each" \
		"$(jq -cS '.flows[] | del(.first, .last)' "$TMP/shown" | sort)" \
		"$(jq -cS '.flows[] | del(.first, .last)' "$TMP/alone" "$TMP/out" | sort)"
	same "conversations, hosts, ports with an interface" \
		"$(weir show -j -n 0 -i wtap0 -i wtap1 | jq '[.hosts, .ports, .syn.sources | .[] | select(.interface == null)] | length')" 0
}

case_texts()
{
	lab
	good weir attach -q -i wtap0 -i wtap1
	traffic
	good weir show flows -i wtap0 -i wtap1
	grep -Eq '^IF +SOURCE' "$TMP/out" || fail "no column for the interface"
	grep -Eq "^wtap1 +198.51.100.2 +[0-9]+ 198.51.100.1 +7002 udp" "$TMP/out" || fail "no row of wtap1"
	same "ledgers of each and of all" "$(grep -c '^Ledger of \(wtap0\|wtap1\|all together\): ' "$TMP/out")" 3
	good weir show flows -i wtap1
	! grep -q '^IF ' "$TMP/out" || fail "a column for the one interface there is"
	good weir show hosts --csv -i wtap0 -i wtap1
	same "the head of CSV" "$(head -1 "$TMP/out")" \
		"interface,addr,sent_packets,sent_bytes,received_packets,received_bytes,flows"
	good weir show hosts --csv -i wtap1
	same "the head of CSV for one" "$(head -1 "$TMP/out")" \
		"addr,sent_packets,sent_bytes,received_packets,received_bytes,flows"
	good weir show totals --csv -i wtap0 -i wtap1
	same "totals by interface" "$(cut -d, -f1 "$TMP/out" | sort -u | tr '\n' ' ')" "interface wtap0 wtap1 "
	good weir status -j -i wtap0 -i wtap1
	same "status of both" "$(jq -r .interface "$TMP/out" | tr '\n' ' ')" "wtap0 wtap1 "
	good weir show -j -i wtap0 -i wtap1 -i wtap0
	same "named twice, shown once" "$(jq -c .interfaces "$TMP/out")" '["wtap0","wtap1"]'
	good weir detach -i wtap0 -i wtap1
}

# A frame through a port and its bridge is counted on both; only the rows say how often.
case_bridge()
{
	lab
	bridge
	good weir attach -q -i br0 -i wtap0 -i wtap1
	traffic
	shown flows -i br0 -i wtap0 -i wtap1
	same "what overlaps" "$(ask '[.overlaps[] | "\(.a) \(.b): \(.why)"] | join("; ")')" \
		"br0 wtap0: wtap0 is a port of br0"
	same "the same 500 on both" \
		"$(ask '[.flows[] | select(.dport == 7001) | "\(.interface) \(.packets)"] | sort | join(", ")')" \
		"br0 500, wtap0 500"
	good weir show hosts -i br0 -i wtap0 -i wtap1
	grep -q '^Counted on both: wtap0 is a port of br0$' "$TMP/out" || fail "text does not tell of it"
	grep -q '^No sum' "$TMP/out" || fail "text does not say why there is no sum"
	! grep -q 'Ledger of all' "$TMP/out" || fail "text sums it"
	good weir show hosts -i wtap0 -i wtap1
	! grep -q 'Counted on both' "$TMP/out" || fail "it tells of what does not overlap"
}

# A macvlan on a bridge sees what its port sees; a veth's end in another namespace is nobody's here.
case_overlaps()
{
	local name args=()

	lab
	bridge
	if ! { host ip link add mv0 link wtap1 type macvlan &&
		host ip link add mv1 link br0 type macvlan &&
		host ip link add vx0 type vxlan id 7 dev wtap1 dstport 4789 &&
		host ip link add va type veth peer name vb &&
		host ip link set va master br0; }; then
		skip "not every kind of interface is to be had"
	fi
	for name in wtap0 wtap1 mv0 mv1 vx0 va vb lo; do args+=(-i "$name"); done
	good weir show totals -j -d 0.1 -q "${args[@]}"
	same "what overlaps" "$(jq -r '.overlaps[] | "\(.a) \(.b): \(.why)"' "$TMP/out" | sort)" "$(sort <<-'END'
		wtap0 mv1: wtap0 is a port of br0, and mv1 lies on br0 (macvlan)
		wtap0 va: wtap0 and va are ports of br0, which passes frames from one to the other
		wtap1 mv0: mv0 lies on wtap1 (macvlan)
		wtap1 vx0: wtap1 carries the packets of vx0 inside its own
		mv1 va: va is a port of br0, and mv1 lies on br0 (macvlan)
		va vb: va and vb are the two ends of one veth pair
	END
	)"
}

case_filtered()
{
	lab
	good weir attach -q -i wtap0 udp
	good weir attach -q -i wtap1 icmp
	traffic
	shown totals -i wtap0 -i wtap1
	same "the filter of both" "$(ask .filter)" null
	same "the filters of each" "$(ask '[.by_interface[].filter] | join(", ")')" "udp, icmp"
	same "filtered" "$(ask '[.by_interface[].ledger.filtered] | tostring')" \
		"$(ask "[.by_interface[0].ledger.filtered, .by_interface[1].ledger.seen - .by_interface[1].totals.packets] | tostring")"
	(($(ask '.by_interface[1].ledger.filtered') >= 300)) || fail "nothing filtered on wtap1"
}

case_all_or_none()
{
	lab
	refuses 1 weir attach -q -i wtap0 -i nowhere
	refuses 1 weir status -i wtap0
	refuses 1 weir show -q -d 1 -i wtap0 -i nowhere
	! host ip -d link show wtap0 | grep -q xdp || fail "show leaves a program behind"
	good weir attach -q -i wtap1
	# One attached, one held by this command: both are shown, and only one stays.
	good weir show -q -d 0.2 -j -i wtap0 -i wtap1
	same "interfaces" "$(jq -c .interfaces "$TMP/out")" '["wtap0","wtap1"]'
	! host ip -d link show wtap0 | grep -q xdp || fail "show leaves a program behind"
	good weir status -i wtap1
}

# ---- weir top ----

until_shown()
{
	local n

	for ((n = 0; n < 120; n++)); do
		pane capture-pane -p >"$TMP/screen"
		grep -Eq -- "$1" "$TMP/screen" && return
		sleep 0.1
	done
	cat "$TMP/screen"
	fail "the screen never showed: $1"
}

case_top()
{
	need tmux
	lab
	bridge
	good weir attach -q -i br0 -i wtap0 -i wtap1
	nsenter --net="/run/netns/$NAME-peer" -- "$LOAD" udp "$PEER4" "$HOST4" 7001 60000 1000 --rate 1000 >/dev/null 2>&1 &
	nsenter --net="/run/netns/$NAME-peer" -- "$LOAD" udp 198.51.100.2 198.51.100.1 7002 60000 1000 --rate 500 >/dev/null 2>&1 &
	pane -f /dev/null new-session -d -x 110 -y 24 \
		"nsenter --net=/run/netns/$NAME-host -- env LC_ALL=C.UTF-8 $WEIR top -i br0 -i wtap0 -i wtap1 --interval 0.5 -q; exec sleep 600"
	until_shown "^br0 +$HOST4 +7001 $PEER4 +[0-9]+ udp"
	until_shown "^wtap0 +$HOST4 +7001 $PEER4 +[0-9]+ udp"
	until_shown "^wtap1 +198.51.100.1 +7002 198.51.100.2 "
	until_shown "^weir top  br0,wtap0,wtap1  native and generic  attached"
	until_shown "^Counted on both: wtap0 is a port of br0"
	# One after the other: its rows, its totals.
	pane send-keys i
	until_shown "^weir top  br0  generic"
	until_shown "^$HOST4 +7001 $PEER4 "
	! grep -Eq "7002|^IF |Counted on both" "$TMP/screen" || fail "more than br0: $(<"$TMP/screen")"
	pane send-keys i i
	until_shown "^weir top  wtap1  native"
	until_shown "^198.51.100.1 +7002 "
	until_shown "received +[34]\.[0-9]+M"
	# A filter of the one shown, and of no other.
	pane send-keys f
	until_shown "^filter: _"
	pane send-keys -l "udp port 7003"
	pane send-keys Enter
	until_shown "filter: udp port 7003"
	until_shown "Ledger balanced: .* filtered"
	good weir show totals -j -i wtap0 -i wtap1
	same "the filters" "$(jq -r '.by_interface | map(.filter // "none") | join(", ")' "$TMP/out")" "none, udp port 7003"
	pane send-keys f C-u
	pane send-keys -l "udp porrt"
	pane send-keys Enter
	until_shown "libpcap"
	pane send-keys f C-u Enter
	until_shown "no filter any more"
	good weir show totals -j -i wtap1
	same "the filter" "$(jq -r .filter "$TMP/out")" null
	pane send-keys i
	until_shown "^weir top  br0,wtap0,wtap1 "
	until_shown "^IF +HOST"
	pane send-keys q
	until_shown "^Ledger of wtap1: "
}

run_case "two interfaces: rows of each, sums of both" case_two
run_case "two interfaces in text and CSV" case_texts
run_case "a bridge and its port: told, not summed" case_bridge
run_case "interfaces that see the same packets" case_overlaps
run_case "two interfaces with filters of their own" case_filtered
# So many that 64 MiB would not do: each has tables enough although nobody said how large.
case_seven()
{
	local i args=()

	lab
	for ((i = 0; i < 5; i++)); do
		host ip link add "p$i" type ifb || skip "there is no ifb"
		args+=(-i "p$i")
	done
	good weir attach -q -i wtap0 -i wtap1 "${args[@]}"
	traffic
	shown flows -i wtap0 -i wtap1 "${args[@]}"
	same "interfaces" "$(ask '.by_interface | length')" 7
	same "datagrams" "$(ask '[.flows[] | select(.dport > 7000 and .proto == 17) | .packets] | add')" 800
	refuses 2 weir show -i a -i b -i c -i d -i e -i f -i g -i h -i j -i k -i l -i m -i n -i o -i p -i q -i r
	good weir detach -q -i wtap0 -i wtap1 "${args[@]}"
}

run_case "seven interfaces" case_seven
run_case "several interfaces: all or none" case_all_or_none
run_case "top on several interfaces" case_top
exit 0
