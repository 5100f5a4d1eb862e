#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir export --sflow in a lab, to the collectors of the distribution: sfcapd and sfacctd. What they
# estimate is compared with what weir counted exactly; it may be off by as much as chance allows, and
# chance is given five standard errors.  tshark judges every datagram.  tests/sflow.sh BUILD_DIR, as
# root.
# shellcheck disable=SC2119,SC2317 # `stop` is of all; cases are called by name
set -u

# shellcheck source=tests/export_lib.sh
. "$(dirname "$0")/export_lib.sh"
FCS=4 # of each frame, in sFlow's lengths and not in weir's

# ---- collectors, on the loopback of the lab's host ----

collectors()
{
	mkdir "$TMP/out.sfcapd"
	"$LABS" host "$NAME" sfcapd -p 6343 -b 127.0.0.1 -w "$TMP/out.sfcapd" -t 3600 >"$TMP/log.sfcapd" 2>&1 &
	SFCAPD=$!
	cat >"$TMP/out.conf" <<-END
		daemonize: false
		sfacctd_ip: 127.0.0.1
		sfacctd_port: 6344
		sfacctd_renormalize: true
		plugins: print
		aggregate: proto
		print_output: json
		print_output_file: $TMP/out.sfacctd
		print_output_file_append: true
		print_refresh_time: 1
		plugin_pipe_size: 64000000
		plugin_buffer_size: 64000
	END
	"$LABS" host "$NAME" sfacctd -f "$TMP/out.conf" >"$TMP/log.sfacctd" 2>&1 &
	SFACCTD=$!
	"$LABS" host "$NAME" tcpdump -B 16384 --immediate-mode -U -i lo -w "$TMP/out.pcap" 'udp port 6343' \
		>"$TMP/log.tcpdump" 2>&1 &
	CAPTURE=$!
	await grep -q listening "$TMP/log.tcpdump"
	await listens 6343
	await listens 6344
}

collectors_end()
{
	kill "$SFCAPD" "$CAPTURE"
	kill -INT "$SFACCTD"
	wait "$SFCAPD" "$CAPTURE" "$SFACCTD"
}

# FILTER...: samples, packets and bytes that sfcapd has.
sfcapd_sum()
{
	nfdump -R "$TMP/out.sfcapd" -q -N -o 'fmt:%pkt %byt' "$@" |
		awk '{ n++; p += $1; b += $2 } END { print n + 0, p + 0, b + 0 }'
}

# PROTO: packets and bytes that sfacctd has.
sfacctd_sum()
{
	jq -s -r --arg proto "$1" 'map(select(.ip_proto == $proto)) |
		"\(map(.packets) | add // 0) \(map(.bytes) | add // 0)"' "$TMP/out.sfacctd"
}

# JQ_CONDITION: packets and bytes, with the FCS, that weir's records have.
exactly()
{
	jq -s -r --argjson fcs "$FCS" "map(select($1))"' |
		(map(.packets) | add // 0) as $p | "\($p) \((map(.bytes) | add // 0) + $p * $fcs)"' \
		"$TMP/out.json"
}

# WHAT ESTIMATE EXACT SAMPLES ERRORS: no further off than so many standard errors of so many samples.
near()
{
	awk -v a="$2" -v b="$3" -v n="$4" -v errors="$5" 'BEGIN {
		off = (a / b - 1) * sqrt(n); printf "%.0f, exactly %.0f: off by %.2f %%, %.2f errors\n",
		a, b, (a / b - 1) * 100, off; exit !(off > -errors && off < errors) }' >"$TMP/out.near" ||
		fail "$1: $(<"$TMP/out.near")"
	echo "$1: $(<"$TMP/out.near")"
}

# FIELD: the last value that a datagram has, of tshark.
last_said()
{
	tshark -r "$TMP/out.pcap" -d udp.port==6343,sflow -V 2>/dev/null |
		sed -n "s/^ *$1: \\([0-9]*\\).*/\\1/p" | tail -1
}

# ---- cases ----

# Datagrams of one length: only their number is left to chance.
estimates_are_as_good_as_chance()
{
	local n packets bytes exact exact_bytes kernel

	lab
	collectors
	daemon a --json "$TMP/out.json" --sflow 127.0.0.1:6343 --sflow-rate 20 --sflow-counters 1 \
		--sflow 127.0.0.1:6344 --sflow-rate 20
	datagrams 5001 200000 100
	sleep 1
	kernel=$(kernel)
	stop
	kernel+=" $(kernel)"
	collectors_end
	read -r exact exact_bytes <<<"$(exactly '.dport == 5001')"
	same "datagrams counted" "$exact" 200000
	read -r n packets bytes <<<"$(sfcapd_sum 'dst port 5001')"
	((n > 5000)) || fail "$n samples"
	near "sfcapd, packets" "$packets" "$exact" "$n" 5
	near "sfcapd, bytes" "$bytes" "$exact_bytes" "$n" 5
	read -r packets bytes <<<"$(sfacctd_sum udp)"
	near "sfacctd, packets" "$packets" "$exact" "$n" 5
	near "sfacctd, bytes" "$bytes" "$exact_bytes" "$n" 5
	judge
	counters_are_the_kernels "$kernel"
}

judge()
{
	local all bad long

	all=$(tshark -r "$TMP/out.pcap" -d udp.port==6343,sflow -Y sflow 2>/dev/null | wc -l)
	bad=$(tshark -r "$TMP/out.pcap" -d udp.port==6343,sflow \
		-Y '_ws.malformed and !icmp or _ws.expert.severity == error' 2>/dev/null)
	long=$(tshark -r "$TMP/out.pcap" -Y 'udp.length > 1408' 2>/dev/null | wc -l)
	echo "tshark: $all datagrams"
	((all > 500)) || fail "tshark saw $all datagrams"
	[[ -z $bad ]] || fail "tshark complains of: $(head -3 <<<"$bad")"
	same "datagrams longer than 1400 bytes" "$long" 0
	same "sequence errors of sfcapd" "$(sed -n 's/.*Sequence Errors: \([0-9]*\),.*/\1/p' "$TMP/log.sfcapd" | tail -1)" 0
	same "datagrams by sequence number" \
		"$(tshark -r "$TMP/out.pcap" -d udp.port==6343,sflow -T fields -e sflow_245.sequence_number 2>/dev/null |
			awk '$1 != NR { bad++ } END { print bad + 0 }')" 0
}

# The interface's counters by the kernel: bytes and packets received, bytes and packets sent.
kernel()
{
	host ip -j -s link show "$IF" | jq -r '.[0].stats64 |
		"\(.rx.bytes) \(.rx.packets) \(.tx.bytes) \(.tx.packets)"'
}

# BEFORE AFTER: what the kernel had before the daemon's last sample of them, and after it.
counters_are_the_kernels()
{
	local said

	said="$(last_said 'Input Octets') $(last_said 'Input Packets') $(last_said 'Output Octets') $(last_said 'Output Packets')"
	echo "counters: $said, kernel: $*"
	# shellcheck disable=SC2048,SC2086 # four numbers each
	printf '%s\n' $said $* | awk '{ v[NR] = $1 } END { for (i = 1; i <= 4; i++)
		if (v[i] == "" || v[i] < v[i + 4] || v[i] > v[i + 8]) exit 1 }' ||
		fail "counters said: $said, the kernel's before and after: $*"
	same "speed" "$(last_said 'Interface Speed')" 10000000000
}

# What the host hands to the device as one packet is many on the wire: packets and bytes are
# estimated as those. Of TCP there are samples of different weight, hence more errors.
segments_count_one_by_one()
{
	local n packets bytes exact exact_bytes

	lab
	collectors
	daemon a --json "$TMP/out.json" --sflow 127.0.0.1:6343 --sflow-rate 10 --sflow 127.0.0.1:6344 --sflow-rate 10
	peer iperf3 -s -1 >/dev/null &
	await peer_listens 5201
	host iperf3 -c "$PEER4" -n 300M -b 1G >/dev/null || fail "iperf3 failed"
	sleep 1
	stop
	collectors_end
	read -r exact exact_bytes <<<"$(exactly '.direction == "egress" and .dport == 5201')"
	read -r n packets bytes <<<"$(sfcapd_sum 'dst port 5201')"
	((n > 400)) || fail "$n samples"
	((exact > 10 * n * 3 / 2)) || fail "no segmentation: $n samples of $exact packets"
	near "sfcapd, packets" "$packets" "$exact" "$n" 8
	near "sfcapd, bytes" "$bytes" "$exact_bytes" "$n" 8
	read -r exact exact_bytes <<<"$(exactly '.proto == 6')"
	read -r packets bytes <<<"$(sfacctd_sum tcp)"
	near "sfacctd, packets" "$packets" "$exact" "$n" 8
	near "sfacctd, bytes" "$bytes" "$exact_bytes" "$n" 12
}

peer_listens()
{
	[[ -n $(peer ss -Hltn "sport = :$1") ]]
}

says()
{
	grep -q -- "$1" "$TMP/log.a"
}

# Samples are lost while nobody listens, nothing else is, and it is said once.
a_collector_that_is_not_there()
{
	lab
	daemon a --json "$TMP/out.json" --sflow 127.0.0.1:6343 --sflow-rate 10 --sflow-counters 1
	datagrams 5001 5000
	await says 'Connection refused; samples are lost'
	collectors
	await says 'all right again'
	datagrams 5002 20000
	sleep 1
	stop
	collectors_end
	sfcapd_sum 'dst port 5002'
	same "datagrams counted" "$(exactly '.dport == 5001 or .dport == 5002' | cut -d' ' -f1)" 25000
	near "packets" "$(sfcapd_sum 'dst port 5002' | cut -d' ' -f2)" 20000 2000 5
	same "times it was said" "$(grep -c 'refused' "$TMP/log.a")" 1
}

# An attached interface, watched by two daemons, and weir goes on counting behind both.
an_attached_interface()
{
	local first

	lab
	good weir attach -i "$IF"
	collectors
	daemon a --sflow 127.0.0.1:6343 --sflow-rate 10
	first=$DAEMON
	daemon b --sflow 127.0.0.1:6343 --sflow-rate 10 --sflow-sub-agent 1 --sflow-agent 2001:db8::5
	datagrams 5001 20000
	sleep 1
	stop "$first"
	stop
	collectors_end
	near "packets, twice" "$(sfcapd_sum 'dst port 5001' | cut -d' ' -f2)" 40000 4000 5
	same "agents" "$(tshark -r "$TMP/out.pcap" -d udp.port==6343,sflow -V 2>/dev/null |
		sed -n 's/^ *Agent address: //p' | sort -u | tr '\n' ' ')" "127.0.0.1 2001:db8::5 "
	same "counted" "$(weir show flows -j -n 0 -i "$IF" | jq '[.flows[] | select(.dport == 5001) | .packets] | add')" 20000
	same "taps left" "$(find /sys/fs/bpf/weir -name 'tap*' | wc -l)" 0
}

# As the service runs it: everything is open before privileges are given up, and still works.
without_privileges()
{
	lab
	collectors
	daemon a --drop-privileges --sflow 127.0.0.1:6343 --sflow-rate 10 --sflow-counters 1
	same "threads with more than CAP_BPF" \
		"$(grep -h CapPrm "/proc/$DAEMON"/task/*/status | grep -vc '0000008000000000$')" 0
	datagrams 5001 20000
	sleep 1
	stop
	collectors_end
	near "packets" "$(sfcapd_sum 'dst port 5001' | cut -d' ' -f2)" 20000 2000 5
	same "taps left" "$(find /sys/fs/bpf/weir -name 'tap*' 2>/dev/null | wc -l)" 0
}

what_cannot_be()
{
	local target

	for target in 127.0.0.1 tcp:127.0.0.1:6343 127.0.0.1:0; do
		refuses 2 "$WEIR" export -i lo --sflow "$target"
		[[ $ERR == *"HOST:PORT"* ]] || fail "said: $ERR"
	done
	refuses 2 "$WEIR" export -i lo --sflow 127.0.0.1:6343 --sflow-agent here
	refuses 2 "$WEIR" export -i lo --sflow 127.0.0.1:6343 --sflow-rate 0
	refuses 2 "$WEIR" export -i lo --sflow 127.0.0.1:6343 --sflow-header 2000
}

need sfcapd sfacctd nfdump tshark tcpdump iperf3 jq
run_case 'sflow: estimates are as good as chance, counters are the kernel'"'"'s' estimates_are_as_good_as_chance
run_case 'sflow: segments count one by one' segments_count_one_by_one
run_case 'sflow: a collector that is not there' a_collector_that_is_not_there
run_case 'sflow: an attached interface, two daemons' an_attached_interface
run_case 'sflow: without privileges' without_privileges
run_case 'sflow: what cannot be' what_cannot_be
