#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir export --ipfix in a lab, to the collectors of the distribution: nfcapd and nfacctd over UDP,
# a file over TCP that python3-ipfix reads, and tshark, which judges every message.  What they add
# up must be what weir itself says, to the byte.  tests/ipfix.sh BUILD_DIR, as root.
# shellcheck disable=SC2119,SC2317 # `stop` is of all; cases are called by name
set -u

# shellcheck source=tests/export_lib.sh
. "$(dirname "$0")/export_lib.sh"

# ---- collectors, on the loopback of the lab's host ----

# NAME PORT [ADDRESS]: nfcapd, its pid in $NFCAPD.
nfcapd_on()
{
	mkdir -p "$TMP/out.$1"
	"$LABS" host "$NAME" nfcapd -p "$2" -b "${3:-127.0.0.1}" -w "$TMP/out.$1" -t 3600 >>"$TMP/log.$1" 2>&1 &
	NFCAPD=$!
	await listens "$2"
}

# PID: ends a collector, and waits until it has written what it has.
finish()
{
	kill "$1"
	wait "$1" || true
}

# NAME: flows, packets and IP bytes.
nfdump_sum()
{
	nfdump -R "$TMP/out.$1" -I | awk '/^Flows:/ { f = $2 } /^Packets:/ { p = $2 } /^Bytes:/ { b = $2 }
		END { print f + 0, p + 0, b + 0 }'
}

# NAME PORT: nfacctd, its pid in $NFACCTD.
nfacctd_on()
{
	cat >"$TMP/out.$1.conf" <<-END
		daemonize: false
		nfacctd_ip: 127.0.0.1
		nfacctd_port: $2
		plugins: print
		aggregate: proto, tcpflags
		print_output: json
		print_output_file: $TMP/out.$1
		print_output_file_append: true
		print_refresh_time: 1
		plugin_pipe_size: 64000000
		plugin_buffer_size: 64000
	END
	"$LABS" host "$NAME" nfacctd -f "$TMP/out.$1.conf" >"$TMP/log.$1" 2>&1 &
	NFACCTD=$!
	await listens "$2"
}

nfacctd_sum()
{
	jq -s -r '"\(map(.packets) | add // 0) \(map(.bytes) | add // 0)"' "$TMP/out.$1"
}

# NAME PORT: takes TCP connections, one after the other, each into a file; its pid is $TCP.
tcp_on()
{
	"$LABS" host "$NAME" python3 - "$TMP/out.$1" "$2" <<-'END' &
		import socket, sys
		s = socket.create_server(("127.0.0.1", int(sys.argv[2])))
		for n in range(100):
		    c = s.accept()[0]
		    with open(f"{sys.argv[1]}.{n}", "wb", buffering=0) as f:
		        while data := c.recv(65536):
		            f.write(data)
	END
	TCP=$!
	await listens "$2"
}

# FILE...: records, packets, IP bytes, L2 bytes, by a decoder that is not libfixbuf; with -o, the
# last value of an options record's element.
decode()
{
	/usr/bin/python3 - "$@" <<-'END'
		import sys, ipfix.ie, ipfix.reader
		ipfix.ie.use_iana_default()
		ipfix.ie.use_5103_default()
		ways = [[way + name for name in names] for way, names in (
		    ("", ("packetDeltaCount", "octetDeltaCount", "layer2OctetDeltaCount")),
		    ("reverse", ("PacketDeltaCount", "OctetDeltaCount", "Layer2OctetDeltaCount")))]
		args = sys.argv[1:]
		want = args[1] if args[0] == "-o" else None
		last, sums = None, [0] * 4
		for name in args[2 if want else 0:]:
		    with open(name, "rb") as f:
		        for r in ipfix.reader.from_stream(f).namedict_iterator():
		            last = r.get(want, last)
		            for way in ways:
		                if way[0] in r:
		                    sums = [a + b for a, b in zip(sums, [1] + [r[n] for n in way])]
		print(last if want else "%d %d %d %d" % tuple(sums))
	END
}

# What weir's own JSON lines add up to: records, packets, IP bytes, L2 bytes.
json_sum()
{
	jq -s -r '"\(length) \(map(.packets) | add // 0) \(map(.ip_bytes) | add // 0) \(map(.bytes) | add // 0)"' \
		"$TMP/out.json"
}

# ---- traffic ----

everyday()
{
	"$LABS" host "$NAME" "$LOAD" serve "$HOST4" "$HOST6" --seconds 20 >/dev/null 2>&1 &
	SERVER=$!
	sleep 0.3
	peer "$LOAD" send "$PEER4" "$HOST4" "$PEER6" "$HOST6" "$1" >/dev/null || fail "load failed"
	finish "$SERVER"
}

# Starts a capture of what the daemon sends; tshark() judges it.
capture_begins()
{
	"$LABS" host "$NAME" tcpdump -B 16384 --immediate-mode -U -i lo -w "$TMP/out.pcap" 'udp port 9995' \
		>"$TMP/log.tcpdump" 2>&1 &
	CAPTURE=$!
	await grep -q listening "$TMP/log.tcpdump"
}

# [FILTER...]: frames of the capture that fit.
frames()
{
	tshark -r "$TMP/out.pcap" -d udp.port==9995,cflow -Y "$*" 2>/dev/null
}

BAD='_ws.malformed or _ws.expert.severity == error or cflow.unexpected_sequence_number'

# ---- cases ----

# Everything at once, to five collectors, in every shape; and each has the same sums.
all_collectors_add_up()
{
	local sum flows packets ip l2

	lab
	nfcapd_on nfcapd 9995
	nfacctd_on nfacctd 9996
	tcp_on tcp 9997
	tcp_on biflow 9998
	tcp_on ns 9999
	capture_begins
	daemon a --json "$TMP/out.json" --active-timeout 1 --idle-timeout 2 \
		--ipfix 127.0.0.1:9995 --ipfix-templates 1 --ipfix 127.0.0.1:9996 --ipfix tcp:127.0.0.1:9997 \
		--ipfix tcp:127.0.0.1:9998 --ipfix-biflow --ipfix-domain 7 \
		--ipfix tcp:127.0.0.1:9999 --ipfix-time ns --ipfix-domain-by-interface
	everyday 3
	datagrams 5001 3000
	syns 445 1 2000
	stop
	sum=$(json_sum)
	read -r flows packets ip l2 <<<"$sum"
	echo "weir: $sum; $(<"$TMP/log.a")"
	((flows > 500 && packets > 5000)) || fail "too little traffic: $sum"
	grep -q 'NOT BALANCED' "$TMP/log.a" && fail "$(<"$TMP/log.a")"
	grep -q "$flows records hold $packets packets, $l2 bytes" "$TMP/log.a" || fail "JSON: $sum; $(<"$TMP/log.a")"
	finish "$NFCAPD"
	kill -INT "$NFACCTD"
	wait "$NFACCTD"
	finish "$CAPTURE"
	same nfcapd "$(nfdump_sum nfcapd)" "$flows $packets $ip"
	same nfacctd "$(nfacctd_sum nfacctd)" "$packets $ip"
	same "TCP" "$(decode "$TMP"/out.tcp.*)" "$sum"
	same "biflows" "$(decode "$TMP"/out.biflow.*)" "$sum"
	same "nanoseconds" "$(decode "$TMP"/out.ns.*)" "$sum"
	same "interface name" "$(decode -o interfaceName "$TMP"/out.tcp.*)" "$IF"
	same "not sent" "$(decode -o notSentFlowTotalCount "$TMP"/out.tcp.*)" 0
	judge
}

# What tshark says of every message, and that it would have said something.
judge()
{
	local bad all file

	all=$(frames cflow | wc -l)
	bad=$(frames "$BAD")
	((all > 20)) || fail "tshark saw $all messages"
	# It reads what TCP carries as a file (RFC 5655).
	for file in "$TMP"/out.{tcp,biflow,ns}.0; do
		bad+=$(tshark -r "$file" -Y "$BAD" 2>/dev/null)
		(($(tshark -r "$file" -Y cflow 2>/dev/null | wc -l) > 20)) || fail "tshark saw nothing of $file"
	done
	[[ -z $bad ]] || fail "tshark complains of: $(head -3 <<<"$bad")"
	same "one missing message" "$(one_gone | wc -l)" 1
}

# The same without the tenth UDP message: tshark must notice.
one_gone()
{
	local n

	n=$(frames 'udp and cflow.flowset_id >= 256 and cflow.flowset_id <= 263' | awk 'NR == 10 { print $1 }')
	editcap "$TMP/out.pcap" "$TMP/out.pcap.gone" "$n"
	tshark -r "$TMP/out.pcap.gone" -d udp.port==9995,cflow -Y 'udp and cflow.unexpected_sequence_number' 2>/dev/null
}

# Tables far too small, and the daemon stopped for a while: what was lost is said, the rest is there.
what_was_lost_is_said()
{
	local sum lost

	lab
	nfcapd_on nfcapd 9995
	tcp_on tcp 9997
	daemon a --flows 64 --memory 12 --json "$TMP/out.json" --ipfix 127.0.0.1:9995 --ipfix tcp:127.0.0.1:9997
	syns 445 1 8000
	kill -STOP "$DAEMON"
	syns 445 2 20000
	kill -CONT "$DAEMON"
	syns 445 1 8000
	stop
	finish "$NFCAPD"
	sum=$(json_sum)
	lost=$(sed -n 's/.*lost to full tables: \([0-9]*\) packets.*/\1/p' "$TMP/log.a")
	echo "weir: $sum; $(<"$TMP/log.a")"
	((lost > 0)) || fail "nothing was lost: $(<"$TMP/log.a")"
	grep -q 'NOT BALANCED' "$TMP/log.a" && fail "$(<"$TMP/log.a")"
	same "ignoredPacketTotalCount" "$(decode -o ignoredPacketTotalCount "$TMP"/out.tcp.*)" "$lost"
	same nfcapd "$(nfdump_sum nfcapd)" "$(cut -d' ' -f1-3 <<<"$sum")"
	same TCP "$(decode "$TMP"/out.tcp.*)" "$sum"
}

says()
{
	grep -q -- "$1" "$TMP/log.a"
}

# UDP: the kernel knows what came back. It waits, and goes out when the collector is there again.
a_collector_comes_and_goes()
{
	local address=$1

	lab
	daemon a --active-timeout 1 --json "$TMP/out.json" --ipfix "[$address]:9995"
	datagrams 5001 100
	await says 'Connection refused'
	nfcapd_on one 9995 "$address"
	await says 'all right again'
	datagrams 5002 200
	sleep 1.5
	finish "$NFCAPD"
	syns 445 1 1000
	sleep 1
	nfcapd_on two 9995 "$address"
	datagrams 5003 300
	sleep 1
	stop
	finish "$NFCAPD"
	echo "one: $(nfdump_sum one), two: $(nfdump_sum two), weir: $(json_sum); $(<"$TMP/log.a")"
	(($(nfdump_sum one | cut -d' ' -f2) >= 100)) || fail "the first collector has nothing"
	same "both together" "$(paste <(nfdump_sum one) <(nfdump_sum two) |
		awk '{ print $1 + $4, $2 + $5, $3 + $6 }')" "$(json_sum | cut -d' ' -f1-3)"
	same "faults said" "$(grep -c 'Connection refused' "$TMP/log.a")" 2
}

# A collector that stays, and a daemon that is begun anew: nothing twice, nothing missing.
a_daemon_begun_anew()
{
	local sum

	lab
	good weir attach -i "$IF"
	nfcapd_on nfcapd 9995
	daemon a --json "$TMP/out.json" --ipfix 127.0.0.1:9995
	syns 445 1 2000
	stop
	mv "$TMP/out.json" "$TMP/out.first"
	daemon b --json "$TMP/out.json" --ipfix 127.0.0.1:9995
	syns 446 1 2000
	stop
	finish "$NFCAPD"
	cat "$TMP/out.first" >>"$TMP/out.json"
	sum=$(json_sum)
	same nfcapd "$(nfdump_sum nfcapd)" "$(cut -d' ' -f1-3 <<<"$sum")"
	same "SYNs to 446" "$(nfdump -R "$TMP/out.nfcapd" -q -N -o 'fmt:%pkt' 'dst port 446' |
		awk '{ p += $1 } END { print p }')" "$SENT"
}

# Too much waits: the collector, when it is there at last, is told how much it does not get.
a_full_queue_is_counted()
{
	local sum sent packets

	lab
	daemon a --queue-records 500 --scan-interval 0.2 --active-timeout 1 --json "$TMP/out.json" \
		--ipfix tcp:127.0.0.1:9997 --ipfix-templates 1
	syns 445 3 1000
	tcp_on tcp 9997
	datagrams 5001 100
	stop
	sum=$(json_sum)
	read -r _ packets _ _ <<<"$sum"
	sent=$(decode "$TMP"/out.tcp.* | cut -d' ' -f2)
	echo "weir: $sum, sent $sent; $(<"$TMP/log.a")"
	((sent > 0 && sent < packets)) || fail "$sent of $packets sent"
	grep -q 'records that never arrived: unreachable [0-9]*$' "$TMP/log.a" || fail "$(<"$TMP/log.a")"
	same "sent and not sent" "$((sent + $(decode -o notSentPacketTotalCount "$TMP"/out.tcp.*)))" "$packets"
}

# A TCP peer that accepts and never reads costs the others nothing, and the end of the daemon neither.
a_peer_that_never_reads()
{
	lab
	nfcapd_on nfcapd 9995
	"$LABS" host "$NAME" python3 -c 'import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.bind(("127.0.0.1", 9997)); s.listen()
c = s.accept()
time.sleep(60)' &
	await listens 9997
	daemon a --active-timeout 1 --json "$TMP/out.json" --ipfix tcp:127.0.0.1:9997 --ipfix 127.0.0.1:9995
	syns 445 3 6000
	await says 'takes nothing'
	datagrams 5001 100
	sleep 1.5
	stop
	finish "$NFCAPD"
	echo "nfcapd: $(nfdump_sum nfcapd), weir: $(json_sum); $(<"$TMP/log.a")"
	same nfcapd "$(nfdump_sum nfcapd)" "$(json_sum | cut -d' ' -f1-3)"
}

# Whether the first collector has all that was sent: what it had not read would die with it.
one_has_all()
{
	local sum

	sum=$(json_sum)
	(($(cut -d' ' -f2 <<<"$sum") >= SENT)) && [[ $(decode "$TMP"/out.one.*) == "$sum" ]]
}

# The connection breaks in the middle: what the peer's kernel had not taken goes to the next one.
a_connection_that_breaks()
{
	local sum

	lab
	tcp_on one 9997
	daemon a --active-timeout 1 --json "$TMP/out.json" --ipfix tcp:127.0.0.1:9997
	syns 445 1 2000
	await one_has_all
	finish "$TCP"
	syns 445 1 2000
	tcp_on two 9997
	syns 445 1 2000
	stop
	sum=$(json_sum)
	echo "one: $(decode "$TMP"/out.one.*), two: $(decode "$TMP"/out.two.*), weir: $sum; $(<"$TMP/log.a")"
	same "both together" "$(decode "$TMP"/out.one.* "$TMP"/out.two.*)" "$sum"
}

a_target_that_cannot_be()
{
	local target

	for target in 127.0.0.1 :9995 127.0.0.1:0 127.0.0.1:x ::1:9995 127.0.0.1:70000 '[::1]' tls:127.0.0.1:9995; do
		refuses 2 "$WEIR" export -i lo --ipfix "$target"
		[[ $ERR == *"HOST:PORT"* ]] || fail "said: $ERR"
	done
	refuses 2 "$WEIR" export -i lo --ipfix 127.0.0.1:9995 --ipfix-message 100
	refuses 2 "$WEIR" export -i lo --ipfix 127.0.0.1:9995 --ipfix-time us
}

need nfcapd nfdump nfacctd tshark tcpdump editcap jq
run_case 'nfcapd, nfacctd, TCP, biflows, nanoseconds: sums are weir'"'"'s own, tshark content' all_collectors_add_up
run_case 'what full tables lost is in the options records' what_was_lost_is_said
run_case 'UDP: a collector that comes and goes gets all of it' a_collector_comes_and_goes 127.0.0.1
run_case 'UDP over IPv6: the same' a_collector_comes_and_goes ::1
run_case 'a daemon begun anew' a_daemon_begun_anew
run_case 'a full queue: sent and not sent make the sum' a_full_queue_is_counted
run_case 'a TCP peer that never reads' a_peer_that_never_reads
run_case 'a TCP connection that breaks' a_connection_that_breaks
run_case 'targets that cannot be' a_target_that_cannot_be
