#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir on a link of a lab: what it counts is compared with what was sent and with the kernel's own
# counters, and what it leaves behind with nothing.  tests/net.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"
# shellcheck source=tests/measure_lib.sh
. "$HERE/measure_lib.sh"
PINS=/sys/fs/bpf/weir
STATS=/proc/sys/kernel/bpf_stats_enabled
STATS_THEN=$(<"$STATS")

after_case()
{
	[[ $(<"$STATS") == "$STATS_THEN" ]] || echo "$STATS_THEN" >"$STATS"
	lab_down
}

# No ARP: what is not IP has no direction.
lab()
{
	lab_up
	neighbours "$HOST4" "$PEER4"
	neighbours "$HOST6" "$PEER6"
}

attach()
{
	good weir attach -i "${1:-$IF}" "${@:2}"
}

# ---- counting ----

# With a native program, veth counts received bytes behind the Ethernet header.
like_kernel()
{
	local rx_header=0

	[[ $(host ip -j -d link show "$IF" | jq '.[0].xdp.mode') != 1 ]] || rx_header=14
	ledger
	same "totals' packets against the kernel's" "$(ask 'grown(.totals.packets)')" \
		"$(ask 'grown(.kernel | .rx + .tx)')"
	same "totals' bytes against the kernel's" "$(ask 'grown(.totals.bytes)')" \
		"$(ask "grown(.kernel | .rx_bytes + $rx_header * .rx + .tx_bytes)")"
	same "frames that are not IP" \
		"$(ask 'grown(.totals.packets) - grown(.ledger.ip)')" 0
	same "ingress packets against the kernel's" "$(ask 'grown(flows("ingress"; .packets))')" \
		"$(ask 'grown(.kernel.rx)')"
	same "ingress bytes against the kernel's" "$(ask 'grown(flows("ingress"; .bytes))')" \
		"$(ask "grown(.kernel | .rx_bytes + $rx_header * .rx)")"
	same "egress packets against the kernel's" "$(ask 'grown(flows("egress"; .packets))')" \
		"$(ask 'grown(.kernel.tx)')"
	same "egress bytes against the kernel's" "$(ask 'grown(flows("egress"; .bytes))')" \
		"$(ask 'grown(.kernel.tx_bytes)')"
}

# What the filter takes and what it keeps out are what the kernel saw, in both directions; swapping it
# loses nothing.
case_filtered()
{
	local rx_header=0

	lab
	attach "$IF" --mode "$1" udp port 5001
	[[ $OUT == *"filter udp port 5001"* ]] || fail "attach does not tell of the filter: $OUT"
	[[ $(host ip -j -d link show "$IF" | jq '.[0].xdp.mode') != 1 ]] || rx_header=14
	measure before
	same "datagrams sent" "$(peer "$LOAD" --rate 50000 udp "$PEER4" "$HOST4" 5001 10000)" 10000
	same "datagrams sent" "$(peer "$LOAD" --rate 50000 udp "$PEER4" "$HOST4" 5002 7000)" 7000
	good weir set-filter -i "$IF" icmp
	good peer ping -q -i 0.01 -c 30 "$HOST4"
	good peer ping -q -i 0.01 -c 20 "$HOST6"
	good weir set-filter -i "$IF" --none
	same "datagrams sent" "$(peer "$LOAD" --rate 50000 udp "$PEER4" "$HOST4" 5003 5000)" 5000
	good weir set-filter -i "$IF" arp
	same "datagrams sent" "$(peer "$LOAD" --rate 50000 udp "$PEER4" "$HOST4" 5004 5000)" 5000
	measure after
	ledger
	same "seen against the kernel's packets" "$(ask 'grown(.ledger.seen)')" \
		"$(ask 'grown(.kernel | .rx + .tx)')"
	same "seen against the kernel's bytes" "$(ask 'grown(.ledger.bytes.seen)')" \
		"$(ask "grown(.kernel | .rx_bytes + $rx_header * .rx + .tx_bytes)")"
	same "seen against counted and filtered" "$(ask '$b | .totals.packets + .ledger.filtered')" \
		"$(ask '$b.ledger.seen')"
	same "by port" "$(ask '[$b.flows[] | select(.proto == 17 and .direction == "ingress") |
		[.dport, .packets]] | sort | tostring')" '[[5001,10000],[5003,5000]]'
	same "echo requests" "$(ask "[\$b.flows[] | select(.proto == 1 and .src == \"$PEER4\") |
		.packets] | add")" 30
	(($(ask "[\$b.flows[] | select(.proto == 1 and .src == \"$HOST4\") | .packets] | add") >= 30)) ||
		fail "the answers are not all counted"
	same "ICMPv6 echo" "$(ask "[\$b.flows[] | select(.src == \"$PEER6\" or .src == \"$HOST6\")] |
		length")" 0
	same "the filter it tells of" "$(ask '$b.filter')" arp
	good weir status -i "$IF"
	[[ $OUT == *"filter     arp"* ]] || fail "status does not tell of the filter: $OUT"
	refuses 1 weir show -i "$IF" tcp
	good weir detach -i "$IF"
	unpinned
}

# ADDRESS SECONDS [ARG...]: the host, attached with ARGs, sends TCP in pieces of 64 KiB.
super_packets()
{
	lab
	offloads on
	iperf_server "$1"
	attach "${@:3}"
	measure before
	good peer iperf3 -c "$1" -t "$2" -R
	measure after
	ledger
	(($(ask 'grown(.kernel.tx)') < $(ask 'grown(.tcp_out)') / 4)) ||
		skip "the link made no super-packets"
}

# Super-packets kept out count as the segments they become; jumbo frames pass a filter in native mode.
case_filtered_gso()
{
	local header=$2

	super_packets "$1" 1 "$IF" not tcp
	same "filtered packets" "$(ask 'grown(.ledger.filtered)')" \
		"$(ask 'grown(.kernel.rx - flows("ingress"; .packets) + .tcp_out)')"
	same "filtered bytes" "$(ask 'grown(.ledger.bytes.filtered)')" \
		"$(ask "grown(.kernel.rx_bytes + 14 * .kernel.rx - flows(\"ingress\"; .bytes) +
			.kernel.tx_bytes - flows(\"egress\"; .bytes) +
			(.tcp_out + flows(\"egress\"; .packets) - .kernel.tx) * $header)")"
}

jumbo_lab()
{
	lab
	if ! host ip link set "$IF" mtu 9000 || ! peer ip link set "$PEER_IF" mtu 9000; then
		skip "the link takes no large frames"
	fi
	try weir check -i "$IF"
	[[ $OUT != *"jumbo frames in the driver no"* ]] ||
		skip "before Linux 5.18 a driver hands XDP no frame in several pieces"
}

case_filtered_jumbo()
{
	jumbo_lab
	attach "$IF" --mode native icmp and greater 8000
	measure before
	good peer ping -q -i 0.01 -c 20 -M "do" -s 8000 "$HOST4"
	good peer ping -q -i 0.01 -c 20 -M "do" -s 800 "$HOST4"
	measure after
	ledger
	same "echo requests" "$(ask "find(.proto == 1 and .src == \"$PEER4\" and
		.dport == 2048)")" "20 packets 160840 bytes"
	same "seen against the kernel's packets" "$(ask 'grown(.ledger.seen)')" \
		"$(ask 'grown(.kernel | .rx + .tx)')"
}

# Where nothing is attached, links hold programs and filter.
case_filtered_top()
{
	lab
	peer ping -q -i 0.02 -c 300 "$HOST4" >/dev/null &
	good weir top hosts -i "$IF" --interval 0.5 -d 2 icmp and src host "$PEER4"
	[[ $OUT == *"filter: icmp and src host $PEER4"* ]] || fail "top does not show the filter: $OUT"
	grep -qE 'Ledger: [1-9][0-9]* packets seen = [1-9][0-9]* filtered \+ [1-9][0-9]* counted' \
		"$TMP/out" || fail "top's ledger has no filtered packets: $OUT"
	[[ $OUT == *": balanced"* ]] || fail "not balanced: $OUT"
	wait
	peer ping -q -i 0.02 -c 300 "$HOST4" >/dev/null &
	good weir show flows -j -n 0 -i "$IF" -d 1 -f "icmp and src host $PEER4"
	same "flows" "$(jq -c '[.flows[] | [.src, .direction]]' "$TMP/out")" "[[\"$PEER4\",\"ingress\"]]"
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	same "a filter that filters" "$(jq '.ledger.filtered > 0' "$TMP/out")" true
	wait
}

# A frame the veth itself dropped was never received: then it is the load that was not exact, and
# it is sent again, slower, to another port.
case_million()
{
	local dport rate=150000 sent

	lab
	attach "$IF" --mode "$1"
	for dport in 5001 5002 5003; do
		measure before
		sent=$(peer "$LOAD" --rate "$rate" udp "$PEER4" "$HOST4" "$dport" "$2")
		same "datagrams sent" "$sent" "$2"
		measure after
		like_kernel
		(($(ask 'grown(.kernel.rx_dropped)') == 0)) && break
		echo "the link dropped frames at $rate packets per second"
		rate=$((rate / 3))
	done
	same "the flow" \
		"$(ask "find(.src == \"$PEER4\" and .dst == \"$HOST4\" and .dport == $dport and
			.proto == 17 and .direction == \"ingress\")")" "$2 packets $(($2 * 60)) bytes"
	same "flows to that port" "$(ask "[\$b.flows[] | select(.dport == $dport)] | length")" 1
	(($(ask 'grown(.totals.packets)') >= $2)) || fail "the totals grew by less than was sent"
}

case_ping()
{
	lab
	attach
	measure before
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	good host ping -q -i 0.01 -c 20 "$PEER4"
	good peer ping -q -i 0.01 -c 20 "$HOST6"
	measure after
	like_kernel
	same "echo requests of the peer" "$(ask "find(.proto == 1 and .src == \"$PEER4\" and
		.dport == 2048 and .direction == \"ingress\")")" "20 packets 1960 bytes"
	same "echo replies to the peer" "$(ask "find(.proto == 1 and .dst == \"$PEER4\" and
		.dport == 0 and .direction == \"egress\")")" "20 packets 1960 bytes"
	same "echo requests to the peer" "$(ask "find(.proto == 1 and .dst == \"$PEER4\" and
		.dport == 2048 and .direction == \"egress\")")" "20 packets 1960 bytes"
	same "echo replies of the peer" "$(ask "find(.proto == 1 and .src == \"$PEER4\" and
		.dport == 0 and .direction == \"ingress\")")" "20 packets 1960 bytes"
	same "IPv6 echo requests" "$(ask "find(.proto == 58 and .src == \"$PEER6\" and
		.dport == 32768)")" "20 packets 2360 bytes"
	same "IPv6 echo replies" "$(ask "find(.proto == 58 and .dst == \"$PEER6\" and
		.dport == 33024)")" "20 packets 2360 bytes"
}

# Ended with the lab.
iperf_server()
{
	local _

	need iperf3
	"$LABS" host "$NAME" iperf3 -s -B "$1" >"$TMP/iperf" 2>&1 &
	for _ in {1..50}; do
		[[ $(host ss -Hltn 'sport = 5201') ]] && return
		sleep 0.1
	done
	fail "iperf3 does not serve: $(<"$TMP/iperf")"
}

offloads()
{
	need ethtool
	host ethtool -K "$IF" tso "$1" gso "$1" gro off && peer ethtool -K "$PEER_IF" tso "$1" \
		gso "$1" gro off
	same "status of ethtool" $? 0
}

case_tcp()
{
	lab
	offloads off
	iperf_server "$1"
	attach
	measure before
	good peer iperf3 -c "$1" -t 2
	measure after
	(($(ask 'grown(.kernel.rx_bytes)') > 1000000)) || fail "iperf3 sent nothing"
	like_kernel
	mv "$TMP/after" "$TMP/before"
	good peer iperf3 -c "$1" -t 2 -R
	measure after
	(($(ask 'grown(.kernel.tx_bytes)') > 1000000)) || fail "iperf3 sent nothing back"
	like_kernel
	same "TCP segments sent" "$(ask 'grown([.flows[] | select(.direction == "egress" and
		.proto == 6).packets] | add // 0)')" "$(ask 'grown(.tcp_out)')"
}

# What TCP hands down in pieces of 64 KiB is counted as the segments they become.
case_gso()
{
	local header=$2

	super_packets "$1" 2
	same "TCP segments sent" "$(ask 'grown([.flows[] | select(.direction == "egress" and
		.proto == 6).packets] | add // 0)')" "$(ask 'grown(.tcp_out)')"
	# Each segment but the first of a super-packet adds its own headers.
	same "bytes sent on the wire" "$(ask 'grown(flows("egress"; .bytes))')" \
		"$(ask "grown(.kernel.tx_bytes) +
			(grown(flows(\"egress\"; .packets)) - grown(.kernel.tx)) * $header")"
	same "ingress packets against the kernel's" "$(ask 'grown(flows("ingress"; .packets))')" \
		"$(ask 'grown(.kernel.rx)')"
}

case_udp6()
{
	lab
	attach
	measure before
	same "datagrams sent" "$(peer "$LOAD" --rate 50000 udp "$PEER6" "$HOST6" 5001 50000)" 50000
	measure after
	like_kernel
	same "the flow" "$(ask "find(.src == \"$PEER6\" and .dst == \"$HOST6\" and .dport == 5001
		and .proto == 17)")" "50000 packets 4000000 bytes"
}

# 3000 bytes and the UDP header, in three fragments, of which the first has the ports.
case_fragments()
{
	lab
	attach
	measure before
	same "datagrams sent" "$(peer "$LOAD" --rate 1000 udp "$PEER4" "$HOST4" 5001 100 3000)" 100
	same "datagrams sent" "$(peer "$LOAD" --rate 1000 udp "$PEER6" "$HOST6" 5001 100 3000)" 100
	measure after
	like_kernel
	same "first fragments, IPv4" "$(ask "find(.src == \"$PEER4\" and .dport == 5001)")" \
		"100 packets 151400 bytes"
	same "the other fragments, IPv4" "$(ask "find(.src == \"$PEER4\" and .proto == 17 and
		.dport == 0 and .sport == 0)")" "200 packets 159600 bytes"
	same "first fragments, IPv6" "$(ask "find(.src == \"$PEER6\" and .dport == 5001)")" \
		"100 packets 151000 bytes"
	same "the other fragments, IPv6" "$(ask "find(.src == \"$PEER6\" and .proto == 17 and
		.dport == 0 and .sport == 0)")" "200 packets 168400 bytes"
	same "fragments without ports" "$(ask 'grown(.totals.reasons.fragment.packets)')" 400
}

# Frames that a driver hands to XDP in several pieces.
case_jumbo()
{
	jumbo_lab
	attach "$IF" --mode native
	measure before
	good peer ping -q -i 0.01 -c 20 -M "do" -s 8000 "$HOST4"
	measure after
	like_kernel
	same "echo requests" "$(ask "find(.proto == 1 and .src == \"$PEER4\" and
		.dport == 2048)")" "20 packets 160840 bytes"
}

# Three of four with one tag, the fourth with two; 64 bytes of payload.
case_vlan()
{
	local mac

	lab
	attach
	mac=$(host ip -j link show "$IF" | jq -r '.[0].address')
	measure before
	same "frames sent" "$(peer "$LOAD" --rate 1000 vlan "$PEER_IF" "$mac" "$PEER4" "$HOST4" \
		400)" 400
	measure after
	like_kernel
	same "the flows" "$(ask "find(.src == \"$PEER4\" and .dport == 5001)")" \
		"400 packets 44400 bytes"
}

# ---- what is left behind ----

xdp_id()
{
	host ip -j -d link show "${1:-$IF}" | jq -r '.[0].xdp.prog.id // 0'
}

# Programs that are pinned in the bpffs, which is the test's own, as bpftool tells of them.
pinned_programs()
{
	local pin

	find /sys/fs/bpf -type f | while read -r pin; do
		bpftool -j prog show pinned "$pin"
	done | jq -c 'select(.id)'
}

# Nothing of weir's on the interface and nothing pinned.
clear_of_weir()
{
	local dev=${1:-$IF}

	same "the XDP program left" "$(xdp_id "$dev")" 0
	[[ $(host tc qdisc show dev "$dev") != *clsact* ]] || fail "a clsact qdisc is left"
	same "what bpftool net finds" "$(host bpftool -j net show dev "$dev" |
		jq -c '[.[] | .xdp, .tc | select(. != null) | .[]]')" "[]"
	unpinned
}

unpinned()
{
	[[ ! -e $PINS ]] || fail "pins are left: $(find "$PINS" | head -n 4)"
}

case_detach()
{
	local progs maps

	need bpftool
	lab
	attach "$IF" --mode "$1"
	progs=$(pinned_programs)
	maps=$(jq -s '[.[].map_ids[]] | unique[]' <<<"$progs") progs=$(jq .id <<<"$progs")
	(($(xdp_id))) || fail "no XDP program on the link"
	[[ $(host tc filter show dev "$IF" egress) == *weir_tc* ]] || fail "no TC filter"
	[[ -d $PINS ]] || fail "no pins"
	good weir detach -i "$IF"
	clear_of_weir
	[[ ! $(find /sys/fs/bpf/xdp -type f 2>/dev/null) ]] || fail "libxdp's pins are left"
	# shellcheck disable=SC2086 # numbers
	freed prog 2 $progs
	# shellcheck disable=SC2086 # numbers
	freed map 9 $maps
}

case_top_killed()
{
	local pid progs

	need bpftool
	lab
	nsenter --net="/run/netns/$NAME-host" -- "$WEIR" top -i "$IF" -I 0.2 >"$TMP/top" 2>&1 &
	pid=$!
	until_true 60 grep -q Ledger "$TMP/top" || fail "top shows nothing: $(<"$TMP/top")"
	(($(xdp_id))) || fail "no XDP program while it ran: $(<"$TMP/top")"
	progs=$(held_ids "$pid" prog)
	kill -KILL "$pid"
	wait "$pid"
	# shellcheck disable=SC2086 # numbers
	freed prog 2 $progs
	clear_of_weir
}

case_top_ends()
{
	lab
	good weir top -i "$IF" -I 0.2 -d 0.6
	[[ $OUT == *Totals*Ledger* ]] || fail "no totals at the end"
	clear_of_weir
}

# SIGNAL: the totals still come, and the exit is a good one.
case_top_signal()
{
	local pid code=0

	lab
	nsenter --net="/run/netns/$NAME-host" -- env --default-signal="$1" "$WEIR" top -i "$IF" \
		-I 0.2 >"$TMP/top" 2>&1 &
	pid=$!
	until_true 60 grep -q Ledger "$TMP/top" || fail "top shows nothing: $(<"$TMP/top")"
	kill -s "$1" "$pid"
	wait "$pid" || code=$?
	same "exit code" "$code" 0
	grep -q '^Totals' "$TMP/top" || fail "no totals at the end"
	clear_of_weir
}

# ---- others on the link ----

# Somebody else's programs, which let everything pass.
compile_foreign()
{
	need clang
	cat >"$TMP/foreign.c" <<-'END'
		__attribute__((section("xdp"), used)) int bystander(void *ctx)
		{
			return 2;
		}
		__attribute__((section("tc"), used)) int passer_by(void *ctx)
		{
			return 0;
		}
		__attribute__((section("license"), used)) char _license[] = "GPL";
	END
	clang -O2 -g -target bpf -c "$TMP/foreign.c" -o "$TMP/foreign.o" || fail "clang failed"
}

foreign()
{
	compile_foreign
	host ip link set dev "$IF" "$1" obj "$TMP/foreign.o" sec xdp || skip "ip cannot attach it"
}

# ingress|egress PRIORITY
foreign_filter()
{
	host tc filter add dev "$IF" "$1" prio "$2" protocol all bpf direct-action \
		obj "$TMP/foreign.o" sec tc || skip "tc cannot attach it"
}

case_foreign_xdp()
{
	local id

	lab
	foreign xdpdrv
	id=$(xdp_id)
	((id)) || fail "the foreign program is not attached"
	refuses 1 weir attach -i "$IF"
	[[ $ERR == *bystander* ]] || fail "the line does not name the program: $ERR"
	same "the program on the link" "$(xdp_id)" "$id"
	refuses 1 weir show -i "$IF" -d 1
	same "the program on the link" "$(xdp_id)" "$id"
	refuses 1 weir detach -i "$IF"
	good weir clean
	same "the program on the link" "$(xdp_id)" "$id"
	[[ $(host tc qdisc show dev "$IF") != *clsact* ]] || fail "a clsact qdisc is left"
	unpinned
}

case_foreign_xdp_generic()
{
	local id

	lab
	foreign xdpgeneric
	id=$(xdp_id)
	refuses 1 weir attach -i "$IF" --mode native
	[[ $ERR == *bystander* ]] || fail "the line does not name the program: $ERR"
	same "the program on the link" "$(xdp_id)" "$id"
	unpinned
}

filters()
{
	host tc filter show dev "$IF" ingress
	host tc filter show dev "$IF" egress
}

case_clsact()
{
	local before

	lab
	compile_foreign
	host tc qdisc add dev "$IF" clsact || fail "no clsact"
	foreign_filter egress 7
	foreign_filter ingress 3
	before=$(filters)
	attach
	measure before
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	measure after
	like_kernel
	good weir detach -i "$IF"
	[[ $(host tc qdisc show dev "$IF") == *clsact* ]] || fail "the clsact qdisc is gone"
	same "the filters" "$(filters)" "$before"
	same "the XDP program left" "$(xdp_id)" 0
	unpinned
}

# The user came second: the filter is not ours to remove with the qdisc.
case_clsact_later()
{
	lab
	attach
	compile_foreign
	foreign_filter ingress 3
	good weir detach -i "$IF"
	[[ $(filters) == *passer_by* ]] || fail "a filter that was added later is gone"
	[[ $(filters) != *weir* ]] || fail "weir's filter is left"
	unpinned
}

# A filter of weir's own priority, which ends the chain: egress must be counted all the same.
case_same_priority()
{
	lab
	compile_foreign
	host tc qdisc add dev "$IF" clsact || fail "no clsact"
	host tc filter add dev "$IF" egress prio 1 protocol "$1" bpf direct-action \
		obj "$TMP/foreign.o" sec tc || skip "tc cannot attach it"
	try weir attach -i "$IF"
	if ((CODE)); then
		# The kernel has one protocol a priority: then the line must blame what is to blame.
		one_line
		[[ $ERR != *XDP* && $ERR == *[Ff]ilter* ]] ||
			fail "TC refused, and the line does not say so: $ERR"
		same "the XDP program left" "$(xdp_id)" 0
		unpinned
		return
	fi
	measure before
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	measure after
	like_kernel
	good weir detach -i "$IF"
	[[ $(filters) == *passer_by* ]] || fail "the user's filter is gone"
	unpinned
}

# Somebody replaced weir's program by force: it is theirs now.
case_replaced()
{
	local id

	lab
	attach
	compile_foreign
	host ip -force link set dev "$IF" xdpdrv obj "$TMP/foreign.o" sec xdp ||
		skip "ip cannot replace it"
	id=$(xdp_id)
	refuses 1 weir show -i "$IF"
	[[ $ERR == *"stale pins"* ]] || fail "the line does not speak of stale pins: $ERR"
	good weir detach -i "$IF"
	same "the program on the link" "$(xdp_id)" "$id"
	[[ $(host tc qdisc show dev "$IF") != *clsact* ]] || fail "a clsact qdisc is left"
	unpinned
}

# Counting but half of the traffic is no exact answer: it must not go unsaid.
case_filter_gone()
{
	lab
	attach
	host tc qdisc del dev "$IF" clsact || fail "tc cannot remove the qdisc"
	try weir "$@" -i "$IF"
	((CODE == 1)) || fail "exit code $CODE, although egress is no longer counted"
	one_line
}

# ---- commands ----

case_attach_twice()
{
	lab
	attach
	measure before
	refuses 1 weir attach -i "$IF"
	[[ $ERR == *already* ]] || fail "the line does not say why: $ERR"
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	measure after
	like_kernel
	same "packets after the second attach" "$(ask 'grown(.ledger.ip) >= 40')" true
}

case_attach_race()
{
	local i good=0 pids=()

	lab
	for i in {1..4}; do
		nsenter --net="/run/netns/$NAME-host" -- "$WEIR" attach -i "$IF" \
			>"$TMP/race.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" && good=$((good + 1))
	done
	cat "$TMP"/race.*
	same "attachments" "$good" 1
	good weir status -i "$IF"
	good weir detach -i "$IF"
	clear_of_weir
}

case_all_or_none()
{
	lab
	refuses 1 weir attach -i "$IF" -i weirnone0
	[[ $OUT == *"$IF: counting"*$'\n'"$IF: detached again" ]] || fail "it does not say that it is none: $OUT"
	clear_of_weir
}

case_detach_none()
{
	lab
	refuses 1 weir detach -i "$IF"
	refuses 1 weir status -i "$IF"
	good weir status
	good weir status -j
	same "what status says in JSON" "$OUT" ""
	good weir clean
	same "what clean says" "$OUT" "0 attachments removed"
}

# The pins cannot be seen then: it must not say that there are none.
case_nobody()
{
	need setpriv
	lab
	attach
	cp "$WEIR" "$TMP/weir" && chmod 755 "$TMP" "$TMP/weir"
	refuses 1 host setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/weir" "$@"
	[[ $ERR == *"no privilege to read the pins: run as root" ]] ||
		fail "the line does not say what is missing: $ERR"
	[[ ! $OUT ]] || fail "it said: $OUT"
	(($(xdp_id))) || fail "it detached"
}

# No cost is not a cost of 0.
case_status_unmeasured()
{
	lab
	echo 0 >"$STATS"
	attach
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	good weir status
	same "hooks of which it tells no cost" "$(grep -c 'cost not measured' "$TMP/out")" 2
	good weir status -j
	same "costs in JSON" "$(jq -c '[.xdp_ns_per_packet, .tc_ns_per_packet]' "$TMP/out")" '[null,null]'
}

case_status()
{
	lab
	echo 1 >"$STATS"
	attach
	good peer ping -q -i 0.01 -c 20 "$HOST4"
	good weir status
	[[ $OUT == *"$IF: attached since "* && $OUT == *native* && $OUT == *": balanced"* ]] ||
		fail "status does not tell all: $OUT"
	same "hooks whose cost it tells" "$(grep -cE '[1-9][0-9]* ns per packet' "$TMP/out")" 2
	good weir status -j -i "$IF"
	same "costs in JSON" "$(jq '.xdp_ns_per_packet > 0 and .tc_ns_per_packet > 0' "$TMP/out")" \
		true
	same "schema" "$(jq .schema "$TMP/out")" 1
	same "balanced" "$(jq .balanced "$TMP/out")" true
	same "the XDP program" "$(jq .xdp_program "$TMP/out")" "$(xdp_id)"
}

# What is told of an interface is no table: there is no CSV of it, and nothing else in its place.
case_status_csv()
{
	local way

	lab
	attach
	for way in -C --csv; do
		refuses 2 weir status "$way" -i "$IF"
		[[ $ERR == *"$way is not an option of this command"* ]] || fail "it said: $ERR"
		[[ ! $OUT ]] || fail "and answered all the same: $OUT"
	done
	good weir status -i "$IF"
	[[ $OUT == "$IF: attached since "* ]] || fail "without $way it answered: $OUT"
}

case_stale_namespace()
{
	lab
	attach
	"$LABS" down "$NAME" || fail "the lab does not end"
	[[ -d $PINS ]] || fail "the pins are gone already"
	good "$WEIR" clean
	same "what clean says" "$OUT" "1 attachment removed"
	unpinned
}

case_clean_attached()
{
	lab
	attach
	good "$WEIR" clean
	same "what clean says" "$OUT" "1 attachment removed"
	clear_of_weir
}

# The lab is another namespace, which is looked for.
case_clean_without_tools()
{
	lab
	attach
	good env PATH=/nonexistent "$WEIR" clean
	same "what clean says" "$OUT" "1 attachment removed"
	clear_of_weir
}

case_stale_xdp_off()
{
	lab
	attach
	host ip link set dev "$IF" xdp off || fail "ip cannot detach"
	same "the XDP program left" "$(xdp_id)" 0
	refuses 1 weir show -i "$IF"
	[[ $ERR == *"stale pins"* ]] || fail "the line does not speak of stale pins: $ERR"
	refuses 1 weir status -i "$IF"
	refuses 1 weir attach -i "$IF"
	good weir clean
	same "what clean says" "$OUT" "1 attachment removed"
	clear_of_weir
	attach
	good weir detach -i "$IF"
	clear_of_weir
}

case_stale_xdp_off_detach()
{
	lab
	attach
	host ip link set dev "$IF" xdp off || fail "ip cannot detach"
	good weir detach -i "$IF"
	clear_of_weir
}

# A mount namespace whose /sys has no bpffs, as `ip netns exec` makes one: attaching would leave
# pins that vanish with it.  What needs no pins works all the same.
without_bpffs()
{
	# shellcheck disable=SC2016 # for the other shell
	host unshare --mount --propagation private -- "$BASH" -c '
		while umount /sys/fs/bpf 2>/dev/null; do :; done
		[[ -z ${NO_INIT:-} ]] || mount -t tmpfs tmpfs /proc/1
		exec "$@"' bash "$WEIR" "$@"
}

case_no_bpffs()
{
	lab
	refuses 1 without_bpffs attach -i "$IF"
	[[ $ERR == *bpffs* && $ERR == *nsenter* ]] ||
		fail "the line does not say what is missing and what to do: $ERR"
	same "the program on the link" "$(xdp_id)" 0
	[[ $(host tc qdisc show dev "$IF") != *clsact* ]] || fail "a clsact qdisc is left"
	unpinned
	good without_bpffs show totals -j -i "$IF" -d 1
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	same "the program on the link" "$(xdp_id)" 0
}

# Where init is out of sight nobody can tell whether a bpffs would vanish.
case_no_bpffs_untold()
{
	lab
	NO_INIT=1 refuses 1 without_bpffs attach -i "$IF"
	[[ $ERR == *bpffs* && $ERR == *"mount -t bpf bpf /sys/fs/bpf"* ]] ||
		fail "the line does not say what is missing and what to do: $ERR"
	same "the program on the link" "$(xdp_id)" 0
	unpinned
}

# Beside an init whose mount namespace is ours and who has a capability more, as service managers
# have, attach mounts what is missing.
case_bpffs_made()
{
	lab
	# shellcheck disable=SC2016 # for the other shell
	good host unshare --mount --pid --fork --kill-child --mount-proc -- "$BASH" -c '
		while umount /sys/fs/bpf 2>/dev/null; do :; done
		setpriv --bounding-set -sys_ptrace "$1" attach -i "$2" || exit
		stat -f -c %T /sys/fs/bpf
		"$1" detach -i "$2"' bash "$WEIR" "$IF"
	[[ $OUT == *bpf_fs* ]] || fail "no bpffs is there: $OUT"
	clear_of_weir
}

case_skb()
{
	lab
	attach "$IF" --mode skb
	same "mode of the link" "$(host ip -j -d link show "$IF" | jq '.[0].xdp.mode')" 2
	good weir status -i "$IF"
	[[ $OUT == *generic* ]] || fail "status does not say generic: $OUT"
	good weir status -j -i "$IF"
	same "mode in JSON" "$(jq -r .mode "$TMP/out")" skb
	same "that filters are to be had" "$(jq .filters "$TMP/out")" true
	measure before
	same "datagrams sent" "$(peer "$LOAD" --rate 20000 udp "$PEER4" "$HOST4" 5001 20000)" 20000
	measure after
	ledger
	same "the flow" "$(ask "find(.src == \"$PEER4\" and .dport == 5001)")" \
		"20000 packets 1200000 bytes"
	same "packets against the kernel's" "$(ask 'grown(.totals.packets)')" \
		"$(ask 'grown(.kernel | .rx + .tx)')"
}

# rx|tx PACKETS: wtun0 has counted so many at least.
tun_counted()
{
	(($(kernel wtun0 | jq ".$1") >= $2))
}

case_tun()
{
	lab
	tun
	# A reader that is slow loses what does not fit, behind TC's hook: all of it fits.
	host ip link set wtun0 txqueuelen 30000 || skip "a tun device takes no long queue"
	attach wtun0 --mode skb
	measure before wtun0
	same "datagrams sent" \
		"$(host "$LOAD" --rate 20000 udp 198.51.100.1 198.51.100.9 5001 20000)" 20000
	until_true 60 tun_counted tx 20000 || fail "the reader does not read: $(kernel wtun0)"
	measure after wtun0
	ledger
	same "the flow" "$(ask 'find(.dst == "198.51.100.9" and .dport == 5001 and
		.direction == "egress")')" "20000 packets 920000 bytes"
	same "egress packets against the kernel's" "$(ask 'grown(flows("egress"; .packets))')" \
		"$(ask 'grown(.kernel.tx)')"
	same "egress bytes against the kernel's" "$(ask 'grown(flows("egress"; .bytes))')" \
		"$(ask 'grown(.kernel.tx_bytes)')"
	good weir detach -i wtun0
	clear_of_weir wtun0
}

case_tun_ingress()
{
	lab
	tun
	attach wtun0 --mode skb
	measure before wtun0
	kill -USR1 "$TUN"
	until_true 60 tun_counted rx 100 || fail "nobody writes: $(kernel wtun0)"
	measure after wtun0
	ledger
	same "the kernel's rx packets" "$(ask 'grown(.kernel.rx)')" 100
	same "the flow" "$(ask 'find(.src == "198.51.100.2" and .dport == 5001 and
		.direction == "ingress")')" "100 packets 4600 bytes"
}

run_case "a million UDP datagrams, native" case_million native 1000000
run_case "a hundred thousand UDP datagrams, skb" case_million skb 100000
run_case "ICMP echo in both directions" case_ping
run_case "TCP over IPv4 without offloads" case_tcp "$HOST4"
run_case "TCP over IPv6 without offloads" case_tcp "$HOST6"
run_case "TCP super-packets over IPv4" case_gso "$HOST4" 66
run_case "TCP super-packets over IPv6" case_gso "$HOST6" 86
run_case "UDP over IPv6" case_udp6
run_case "fragments" case_fragments
run_case "jumbo frames, native" case_jumbo
run_case "VLAN tags" case_vlan
run_case "a filter, swapped, native" case_filtered native
run_case "a filter, swapped, skb" case_filtered skb
run_case "a filter keeps super-packets out" case_filtered_gso "$HOST4" 66
run_case "a filter and jumbo frames" case_filtered_jumbo
run_case "top with a filter" case_filtered_top
run_case "detach leaves nothing, native" case_detach native
run_case "detach leaves nothing, skb" case_detach skb
run_case "top leaves nothing" case_top_ends
run_case "top killed leaves nothing" case_top_killed
run_case "top on SIGINT" case_top_signal INT
run_case "top on SIGTERM" case_top_signal TERM
run_case "a foreign XDP program is left alone" case_foreign_xdp
run_case "a foreign generic XDP program is left alone" case_foreign_xdp_generic
run_case "a user's clsact and filters stay" case_clsact
run_case "a filter added later stays" case_clsact_later
run_case "a user's filter of the same priority" case_same_priority all
run_case "a user's filter of the same priority, another protocol" case_same_priority ip
run_case "a program that replaced weir's is left alone" case_replaced
run_case "status tells of a TC filter taken off" case_filter_gone status
run_case "show tells of a TC filter taken off" case_filter_gone show
run_case "attach twice" case_attach_twice
run_case "attach four at once" case_attach_race
run_case "attach all or none" case_all_or_none
run_case "detach what is not attached" case_detach_none
run_case "no privilege to detach" case_nobody detach -i "$IF"
run_case "no privilege to show what is attached" case_nobody show -i "$IF"
run_case "no privilege to attach a second time" case_nobody attach -i "$IF"
run_case "no privilege to clean" case_nobody clean
run_case "status" case_status
run_case "status where costs are not measured" case_status_unmeasured
run_case "status has no CSV" case_status_csv
run_case "clean what is attached" case_clean_attached
run_case "clean what is attached, where there is no other program" case_clean_without_tools
run_case "stale pins of a namespace" case_stale_namespace
run_case "stale pins of a program taken off" case_stale_xdp_off
run_case "detach a program taken off" case_stale_xdp_off_detach
run_case "no bpffs" case_no_bpffs
run_case "no bpffs, and no init in sight" case_no_bpffs_untold
run_case "a bpffs where none was" case_bpffs_made
run_case "generic mode" case_skb
run_case "tun: egress" case_tun
run_case "tun: ingress" case_tun_ingress
exit 0
