#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir check: what it says of an interface is compared with what attaching then comes to, and what it
# does to the interface with nothing.  tests/check.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"

lab()
{
	need jq ip tc
	lab_up
}

# CODE IF...: what check says of them is in $TMP/check, with that exit code.
checked()
{
	local code=$1 args=() name

	shift
	for name; do args+=(-i "$name"); done
	try weir check -j --memory 256 "${args[@]}"
	((CODE == code)) || fail "exit code $CODE, not $code, from check of $*"
	cp "$TMP/out" "$TMP/check"
}

says()
{
	jq -r ".interfaces[0] | $1" "$TMP/check"
}

# CHECK: how healthy it found that.
health()
{
	says ".checks[] | select(.check == \"$1\") | .health"
}

# IF MODE: attaching comes to that, native, skb, or no.
attaches()
{
	try weir attach -q -i "$1"
	if [[ $2 == no ]]; then
		((CODE == 1)) || fail "$1: check said no, attach said $CODE"
		one_line
		return
	fi
	((CODE == 0)) || fail "$1: check said $2, attach: $ERR"
	good weir status -j -i "$1"
	same "the mode of $1" "$(jq -r .mode "$TMP/out")" "$2"
	good weir detach -q -i "$1"
}

# IF VERDICT: what check says is what attach does, and its exit code goes with it.
agrees()
{
	local -A code=([native]=0 [generic]=3 [no]=1) mode=([native]=native [generic]=skb [no]=no)

	checked "${code[$2]}" "$1"
	same "the verdict on $1" "$(says .verdict)" "$2"
	attaches "$1" "${mode[$2]}"
}

case_modes()
{
	local -A is=([native]=native [generic]=skb)
	local i names=("$IF" lo br0 mv0 vx0 ifb7 tap0 tun0 qa qb)

	lab
	if ! { host ip link add br0 type bridge &&
		host ip link add mv0 link "$IF" type macvlan &&
		host ip link add vx0 type vxlan id 7 dev "$IF" dstport 4789 &&
		host ip link add ifb7 type ifb &&
		host ip tuntap add tap0 mode tap &&
		host ip tuntap add tun0 mode tun; }; then
		skip "not every kind of interface is to be had"
	fi
	# XDP wants as many queues to receive with as the peer sends with.
	host ip link add qa numrxqueues 1 numtxqueues 1 type veth peer name qb numrxqueues 4 numtxqueues 4 ||
		fail "no veth"
	checked 3 "${names[@]}"
	same "the verdicts" "$(jq -r '[.interfaces[] | "\(.interface) \(.verdict) \(.exit)"] | join(", ")' "$TMP/check")" \
		"$IF native 0, lo generic 3, br0 generic 3, mv0 generic 3, vx0 generic 3, ifb7 generic 3, tap0 native 0, tun0 generic 3, qa generic 3, qb native 0"
	for ((i = 0; i < ${#names[@]}; i++)); do
		attaches "${names[i]}" "${is[$(jq -r ".interfaces[$i].verdict" "$TMP/check")]}"
	done
}

case_mtu()
{
	lab
	host ip link set "$IF" mtu 9000
	agrees "$IF" native
	same "the MTU" "$(says .mtu)" 9000
	[[ $(says '.checks[] | select(.check == "mtu") | .text') == *frags* ]] ||
		fail "it does not say how 9000 bytes go through"
}

# Somebody else's programs, which let everything pass.
foreign()
{
	need clang
	cat >"$TMP/foreign.c" <<-'END'
		__attribute__((section("xdp"), used)) int bystander(void *ctx)
		{
			return 2;
		}
		__attribute__((section("tc"), used)) int passer_by(void *ctx)
		{
			return -1;
		}
		__attribute__((section("license"), used)) char _license[] = "GPL";
	END
	clang -O2 -g -target bpf -c "$TMP/foreign.c" -o "$TMP/foreign.o" || fail "clang failed"
}

case_foreign_xdp()
{
	local id

	lab
	foreign
	host ip link set dev "$IF" xdpgeneric obj "$TMP/foreign.o" sec xdp || skip "ip cannot attach it"
	id=$(host ip -j -d link show "$IF" | jq '.[0].xdp | .. | .id? // empty' | head -1)
	agrees "$IF" no
	same "the program it tells of" "$(says '.programs[] | select(.hook == "xdp") | "\(.id) \(.name)"')" \
		"$id bystander"
	same "health of xdp" "$(health xdp)" fail
	# What it advises helps.
	host sh -c "$(says '.checks[] | select(.check == "xdp") | .advice' | sed 's/ takes it.*//')" ||
		fail "its advice does not work"
	agrees "$IF" native
}

case_foreign_tc()
{
	lab
	foreign
	host tc qdisc add dev "$IF" clsact
	host tc filter add dev "$IF" egress prio 7 protocol all bpf direct-action \
		obj "$TMP/foreign.o" sec tc || skip "tc cannot attach it"
	agrees "$IF" native
	same "the programs it tells of" "$(says '[.programs[].hook] | tostring')" '["tc-egress"]'
	host tc filter add dev "$IF" egress prio 1 protocol ip bpf direct-action obj "$TMP/foreign.o" sec tc
	agrees "$IF" no
	same "health of tc" "$(health tc)" fail
	host tc qdisc del dev "$IF" clsact
	# Its list of filters is that of what is received: weir's would count all of it as sent.
	host tc qdisc add dev "$IF" ingress
	agrees "$IF" no
	host sh -c "$(says '.checks[] | select(.check == "tc") | .advice' | sed 's/, if its.*//')" ||
		fail "its advice does not work"
	agrees "$IF" native
}

case_upper()
{
	lab
	host ip link add br0 type bridge
	host ip link set "$IF" master br0
	good weir attach -q -i br0
	agrees "$IF" no
	same "health of what lies upon it" "$(health upper)" fail
	good weir detach -q -i br0
	agrees "$IF" native
	# Both at once: the port first, whatever the order they are named in.
	good weir attach -q -i br0 -i "$IF"
	checked 3 "$IF" br0
	same "verdicts on both" "$(jq -c '[.interfaces[] | .verdict, .attached]' "$TMP/check")" \
		'["native",true,"generic",true]'
}

case_watched()
{
	lab
	weir top -i "$IF" -d 20 -j >/dev/null 2>&1 &
	for _ in {1..50}; do
		host ip -j -d link show "$IF" | grep -q '"xdp"' && break
		sleep 0.1
	done
	agrees "$IF" no
	[[ $(says '.checks[] | select(.check == "xdp") | .text') == *"another weir"* ]] ||
		fail "it does not say who is there"
}

# The kernel tells of whatever is done to a link.
case_untouched()
{
	local monitor

	lab
	host ip monitor link >"$TMP/events" 2>/dev/null &
	monitor=$!
	host tc qdisc show dev "$IF" >"$TMP/before"
	ls -A /sys/fs/bpf >>"$TMP/before"
	sleep 0.3
	checked 0 "$IF"
	sleep 0.3
	kill "$monitor"
	same "what the kernel told of the links meanwhile" "$(grep "$IF" "$TMP/events")" ""
	host tc qdisc show dev "$IF" >"$TMP/after"
	ls -A /sys/fs/bpf >>"$TMP/after"
	same "qdiscs and pins" "$(<"$TMP/after")" "$(<"$TMP/before")"
	same "programs left" "$(bpftool prog show 2>/dev/null | grep -c 'name weir_check')" 0
}

case_unprivileged()
{
	lab
	try weir status -q
	for caps in -all +net_admin; do
		CODE=0
		"$LABS" host "$NAME" setpriv --reuid=65534 --clear-groups --bounding-set="-all,$caps" \
			--inh-caps="-all,$caps" --ambient-caps="-all,$caps" \
			"$WEIR" check -j -i "$IF" >"$TMP/check" 2>"$TMP/err" || CODE=$?
		cat "$TMP/check" "$TMP/err"
		((CODE == 1)) || fail "exit code $CODE, with $caps"
		jq -r '.machine.checks[] | select(.check == "privileges") | .text' "$TMP/check" >"$TMP/text"
		grep -q CAP_BPF "$TMP/text" || fail "it does not say what is missing: $(<"$TMP/text")"
		# What needs no privilege is told.
		same "the driver" "$(says .driver)" veth
		same "native XDP" "$(health native)" ok
	done
	! grep -q CAP_NET_ADMIN "$TMP/text" || fail "CAP_NET_ADMIN is said to be missing"
	# Root of a user namespace has all capabilities, and may load nothing.
	if unshare --user --map-root-user true 2>/dev/null; then
		try host unshare --user --map-root-user "$WEIR" check -j -i "$IF"
		same "exit code in a user namespace" "$CODE" 1
		[[ $(jq -r '.machine.checks[0].text' "$TMP/out") == *"user namespace"* ]] ||
			fail "it does not say why: $OUT"
	fi
}

case_misuse()
{
	lab
	refuses 1 weir check -i nowhere
	refuses 1 weir check
	refuses 2 weir check something
	good weir check -i "$IF"
	[[ $OUT == *"=> weir will attach in the driver (native)"* ]] || fail "no verdict: $OUT"
	try weir check -i "$IF" --mode skb
	same "exit code where generic is asked for" "$CODE" 0
	try weir check -i lo --mode native
	same "exit code where native cannot be had" "$CODE" 1
	try weir check -i "$IF" --memory 1
	same "exit code with too little memory" "$CODE" 1
}

run_case "check says in which mode attach ends" case_modes
run_case "check at an MTU of 9000" case_mtu
run_case "check beside another XDP program" case_foreign_xdp
run_case "check beside other TC filters" case_foreign_tc
run_case "check below an interface with a program" case_upper
run_case "check while another weir watches" case_watched
run_case "check touches nothing" case_untouched
run_case "check without privilege" case_unprivileged
run_case "check misused, and with options" case_misuse
exit 0
