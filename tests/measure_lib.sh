# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016 # jq has variables of its own
#
# What weir counts in a lab, measured beside what the kernel counts.  To be sourced after lab_lib.sh.

# [DEV]: the kernel's counters as one line of JSON.
kernel()
{
	host ip -j -s link show "${1:-$IF}" |
		jq -c '.[0].stats64 | {rx: .rx.packets, rx_bytes: .rx.bytes, rx_dropped: .rx.dropped,
			tx: .tx.packets, tx_bytes: .tx.bytes, tx_dropped: .tx.dropped}'
}

tcp_out()
{
	host awk '/^Tcp:/ { if (n++) print $out + $again; else for (i = 2; i <= NF; i++) {
		if ($i == "OutSegs") out = i; if ($i == "RetransSegs") again = i } }' /proc/net/snmp
}

# FILE [DEV]: weir's answer and the kernel's, of a moment in which nothing passed.
measure()
{
	local dev=${2:-$IF} before after _

	for _ in {1..60}; do
		before=$(kernel "$dev")
		sleep 0.3
		good weir show flows -j -n 0 -i "$dev" >"$TMP/shown"
		sleep 0.1
		after=$(kernel "$dev")
		[[ $before == "$after" ]] || continue
		jq -c '.totals |= {packets, bytes, classes} | .ledger, .totals, .flows[:12][]' "$TMP/out"
		echo "kernel: $after"
		jq -c --argjson kernel "$after" --argjson tcp "$(tcp_out)" \
			'. + {kernel: $kernel, tcp_out: $tcp}' "$TMP/out" >"$TMP/$1" ||
			fail "weir's answer is not JSON"
		return
	done
	fail "the link was never at rest"
}

# EXPRESSION: over the measurements $a, before, and $b, after.
ask()
{
	jq -n -r --slurpfile before "$TMP/before" --slurpfile after "$TMP/after" '
		$before[0] as $a | $after[0] as $b |
		def flows(d; f): [.flows[] | select(.direction == d) | f] | add // 0;
		def grown(f): ($b | f) - ($a | f);
		def find(f): [$b.flows[] | select(f)] | [(map(.packets) | add // 0),
			(map(.bytes) | add // 0)] | "\(.[0]) packets \(.[1]) bytes";
		'"$1"
}

# Whatever went on: the books balance, nothing is lost, and the kernel saw the same.
ledger()
{
	same "balanced" "$(ask '$b.ledger.balanced')" true
	same "reentered" "$(ask '$b.ledger.reentered')" 0
	same "IP packets against flows and unattributed" "$(ask '$b.ledger.ip')" \
		"$(ask '$b.ledger | .in_flows + .unattributed')"
	same "IP bytes against flows and unattributed" "$(ask '$b.ledger.bytes.ip')" \
		"$(ask '$b.ledger.bytes | .in_flows + .unattributed')"
	same "flows listed against the ledger's" "$(ask '[$b.flows[].packets] | add // 0')" \
		"$(ask '$b.ledger.in_flows')"
	same "classes against the totals" "$(ask '[$b.totals.classes[].packets] | add')" \
		"$(ask '$b.totals.packets')"
	same "sizes against the totals" "$(ask '[$b.totals.sizes[].packets] | add')" \
		"$(ask '$b.totals.packets')"
}
