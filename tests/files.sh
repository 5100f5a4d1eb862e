#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# `weir read` against tshark's conversations, and against itself with tables of other sizes.
set -uo pipefail
build=$1
weir=$build/weir
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
dir=$TMP

# tshark's table of UDP conversations, both ends in order: "addr:port addr:port packets". (Its
# TCP conversations begin anew at a SYN, so they are no 5-tuples.)
conversations() {
	tshark -r "$1" -q -z conv,udp 2>/dev/null |
		awk '/<->/ { if ($1 < $3) print $1, $3, $10; else print $3, $1, $10 }' | sort
}

mine() {
	jq -r '.flows[] | select(.proto == 17) | "\(.src):\(.sport) \(.dst):\(.dport) \(.packets)"' "$1" |
		awk '{ k = $1 < $2 ? $1 " " $2 : $2 " " $1; n[k] += $3 } END { for (k in n) print k, n[k] }' | sort
}

# Packets of every 5-tuple, counted by tshark's fields.
fields() {
	tshark -r "$1" -T fields -E separator=' ' -e ip.src -e ipv6.src -e ip.dst -e ipv6.dst \
		-e tcp.srcport -e udp.srcport -e tcp.dstport -e udp.dstport -e ip.proto -e ipv6.nxt \
		-e frame.len 2>/dev/null | awk '{ n[$1" "$2" "$3" "$4" "$5]++; b[$1" "$2" "$3" "$4" "$5] += $6 }
		END { for (k in n) print k, n[k], b[k] }' | sort
}

flows() {
	jq -r '.flows[] | "\(.src) \(.dst) \(.sport) \(.dport) \(.proto) \(.packets) \(.bytes)"' "$1" | sort
}

"$build/test/capgen" 20000 900 1 vlan >"$dir/a.pcap"
"$weir" read -j -n 0 "$dir/a.pcap" >"$dir/a.json"
fields "$dir/a.pcap" >"$dir/tshark.txt"
flows "$dir/a.json" >"$dir/weir.txt"
cmp -s "$dir/tshark.txt" "$dir/weir.txt"
verdict "flows, packets and bytes are tshark's, of $(wc -l <"$dir/weir.txt") flows" $? \
	"$(diff "$dir/tshark.txt" "$dir/weir.txt" | head -3 | tr '\n' ' ')"

conversations "$dir/a.pcap" >"$dir/tshark.txt"
mine "$dir/a.json" >"$dir/weir.txt"
[ -s "$dir/weir.txt" ] && cmp -s "$dir/tshark.txt" "$dir/weir.txt"
verdict "conversations are those of tshark's table, $(wc -l <"$dir/weir.txt") of UDP" $? \
	"$(diff "$dir/tshark.txt" "$dir/weir.txt" | head -3 | tr '\n' ' ')"

"$build/test/capgen" 300000 40000 2 >"$dir/b.pcap"
strip() { jq -cS 'del(.source, .files) | .flows |= sort_by(.src, .sport, .dst, .dport, .proto) | .ports |= sort_by(.proto, .port) | .hosts |= sort_by(.addr) | .syn.sources |= sort_by(.addr) | .syn.targets |= sort_by(.addr, .port)' "$1"; }
"$weir" read -j -n 0 "$dir/b.pcap" >"$dir/large.json"
"$weir" read -j -n 0 --flows 32 "$dir/b.pcap" >"$dir/small.json"
cmp -s <(strip "$dir/large.json") <(strip "$dir/small.json")
verdict "a table of 32 records gives the same answer as one of many" $? "they differ"

[ "$(jq '.ledger.balanced and .ledger.in_flows == 300000 and .ledger.unattributed == 0' "$dir/small.json")" = true ]
verdict "and its ledger balances" $? "$(jq -c .ledger "$dir/small.json")"

[ "$(jq '([.flows[] | select(.proto == 6 or .proto == 17) | .bytes] | add) == ([.ports[].src.bytes] | add) and ([.flows[].packets] | add) == ([.hosts[].sent.packets] | add)' "$dir/small.json")" = true ]
verdict "ports and hosts add up to the flows" $? "they do not"

"$weir" read -j -n 0 - <"$dir/a.pcap" | jq -c 'del(.files)' >"$dir/stdin.json"
cmp -s "$dir/stdin.json" <(jq -c 'del(.files)' "$dir/a.json")
verdict "standard input gives what the file gives" $? "it differs"

others=
for threads in 1 2 5; do
	"$weir" read -j -n 0 --threads $threads "$dir/b.pcap" | cmp -s - "$dir/large.json" || others="$others $threads"
done
[ -z "$others" ]
verdict "one, two and five threads print the same bytes" $? "not:$others"

first=$(tshark -r "$dir/a.pcap" -c 1 -T fields -e frame.time_epoch)
mine=$(jq -r '[.flows[].first] | min' "$dir/a.json")
[ "$(date -u -d "$mine" +%s.%N)" = "$first" ]
verdict "first is the first packet's time, to the nanosecond" $? "$mine, tshark $first"

"$build/test/capgen" 3000000 1000000 3 >"$dir/c.pcap"
/usr/bin/env bash -c "ulimit -v 3000000; exec timeout 60 $weir read -j -n 0 $dir/c.pcap" >"$dir/c.json"
code=$?
[ $code = 0 ] && [ "$(grep -c '^{"src"' "$dir/c.json")" = 1000000 ] &&
	[ "$(head -c 20000 "$dir/c.json" | grep -o '"in_flows":3000000' | head -1)" != "" ]
verdict "3 million packets of 1 million flows in bounded time and memory" $? "exit $code, $(grep -c '^{"src"' "$dir/c.json") flows"
"$(dirname "$0")/../tools/bench-read" --packets 20000 --flows 1500 --rounds 1 --runs 1 --only 'lengths|dpkt' \
	--json "$dir/read.json" "$build" >"$dir/table" 2>"$dir/said" &&
	[ "$(jq '[.readers[] | select(.mpps > 0 and .ahead_1_core > 0) | .reader] | length >= 3' "$dir/read.json")" = true ] &&
	grep -q '^libpcap, lengths only .* all$' "$dir/table"
verdict "the bench of readers runs" $? "$(tail -1 "$dir/said")"
rm -f "$build"/bench/read-20000-1500*.pcap
exit 0
