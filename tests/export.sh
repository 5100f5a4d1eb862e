#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir export on a link of a lab: what its sinks got is compared with what was sent. What goes
# wrong (a full disk, a reader that never reads, bad settings) must be said in one line, and cost
# nobody else anything. tests/export.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/export_lib.sh
. "$(dirname "$0")/export_lib.sh"
DISK=$TMP/disk
MASKED=$TMP/masked # a link to the library that cannot be loaded

after_case()
{
	export_after_case
	umount "$DISK" /etc/hosts "$MASKED" 2>/dev/null
	rm -f "$MASKED"
	return 0
}

# FILE PORT: packets and bytes that records have of datagrams to that port.
got()
{
	jq -s -r --argjson port "$2" '[.[] | select(.dport == $port and .direction == "ingress")] |
		"\(map(.packets) | add // 0) \(map(.bytes) | add // 0) \(map(.ip_bytes) | add // 0)"' \
		"$1"
}

# ---- cases ----

json_lines_hold_what_was_sent()
{
	lab
	daemon a --json "$TMP/out.json" --active-timeout 1
	datagrams 5001 3000
	datagrams 5002 20 1000
	stop
	same "datagrams to 5001" "$(got "$TMP/out.json" 5001)" "3000 300000 258000"
	same "datagrams to 5002" "$(got "$TMP/out.json" 5002)" "20 20840 20560"
	# The members are those of `weir show`, and two more.
	weir attach -i "$IF"
	datagrams 5003 1
	weir show flows -j -i "$IF" | jq -r '.flows[0] | keys[]' |
		grep -vx interface >"$TMP/out.shown"
	jq -r 'keys[]' "$TMP/out.json" | sort -u | grep -vx 'interface\|end_reason' |
		cmp - "$TMP/out.shown" || fail "other members than those of show"
	same "interface" "$(jq -r .interface "$TMP/out.json" | sort -u)" "$IF"
}

# Tables far too small: all of it arrives all the same, or is known to be lost.
full_tables_lose_nothing()
{
	local sum

	lab
	daemon a --json "$TMP/out.json" --flows 64
	syns 445 0.5
	stop
	sum=$(jq -s 'map(select(.dport == 445)) | map(.packets) | add' "$TMP/out.json")
	echo "$sum of $SENT in records; $(<"$TMP/log.a")"
	jq -s -e 'map(select(.end_reason == "resources")) | length > 500' "$TMP/out.json" ||
		fail "nothing was evicted"
	grep -q 'lost to full tables: 0 packets$' "$TMP/log.a" || fail "$(<"$TMP/log.a")"
	same "SYNs in records" "$sum" "$SENT"
}

# Records are of what comes from then on, and no packet is in two daemons' records.
a_restart_repeats_nothing()
{
	lab
	good weir attach -i "$IF"
	datagrams 5001 100
	daemon a --json "$TMP/out.a"
	datagrams 5001 1000
	stop
	daemon b --json "$TMP/out.b"
	datagrams 5001 500
	stop
	same "first daemon" "$(got "$TMP/out.a" 5001)" "1000 100000 86000"
	same "second daemon" "$(got "$TMP/out.b" 5001)" "500 50000 43000"
	daemon c --json "$TMP/out.c" --since attach
	stop
	same "all since attach" "$(got "$TMP/out.c" 5001)" "1600 160000 137600"
}

two_daemons_of_one_interface()
{
	local first

	lab
	daemon a --json "$TMP/out.a"
	refuses 1 weir export -i "$IF" --json "$TMP/out.b"
	[[ $ERR == *"another weir is watching it"*"weir attach"* ]] || fail "said: $ERR"
	stop
	good weir attach -i "$IF"
	daemon b --json "$TMP/out.b"
	first=$DAEMON
	daemon c --json "$TMP/out.c"
	datagrams 5001 700
	stop "$first"
	stop
	same "one" "$(got "$TMP/out.b" 5001)" "700 70000 60200"
	same "the other" "$(got "$TMP/out.c" 5001)" "700 70000 60200"
}

# A line of each thing that it does, before it says that it is ready; none with -q.
its_start_says_what_it_does()
{
	lab
	good weir attach -i "$IF"
	daemon a -i lo --prometheus :9427 --prometheus '[::1]:0' --json "$TMP/out.json" --ipfix 127.0.0.1:9995 \
		--sflow 127.0.0.1:6343 --clickhouse http://127.0.0.1:9/ --clickhouse-spool "$TMP/out.spool"
	cp "$TMP/log.a" "$TMP/out.log"
	kill -HUP "$DAEMON"
	await eval '(($(grep -c "watching lo" "$TMP/log.a") == 2))'
	stop
	cat >"$TMP/out.should" <<-END
		weir: watching $IF (native, as \`weir attach\` left it)
		weir: watching lo (generic)
		weir: metrics at http://127.0.0.1:9427/metrics
		weir: metrics at http://[::1]:PORT/metrics
		weir: flow records to json $TMP/out.json
		weir: flow records to ipfix 127.0.0.1:9995
		weir: packet samples and counters to sflow 127.0.0.1:6343
		weir: flow records to clickhouse http://127.0.0.1:9/
	END
	grep -E '^weir: (watching|metrics at|.* to (json|ipfix|sflow|clickhouse)) ' "$TMP/out.log" |
		sed 's/::1]:[1-9][0-9]*/::1]:PORT/' | diff "$TMP/out.should" - || fail "the start says: $(<"$TMP/out.log")"
	good weir detach -i "$IF"
	daemon b --filter 'tcp port 80' --json "$TMP/out.json"
	stop
	grep -qx "weir: watching $IF (native), only what matches: tcp port 80" "$TMP/log.b" || fail "$(<"$TMP/log.b")"
	daemon c -q --json "$TMP/out.json"
	same "lines with -q" "$(wc -l <"$TMP/log.c")" 0
	stop
}

# The disk is full, and then it is not: no half line, nothing lost, two lines of log.
a_full_disk_is_waited_for()
{
	lab
	mkdir -p "$DISK"
	mount -t tmpfs -o size=64k tmpfs "$DISK" || fail "no tmpfs"
	daemon a -q --json "$DISK/out.json" --json "$TMP/out.json" --active-timeout 1
	head -c 60000 /dev/zero >"$DISK/ballast"
	syns 445 0.5
	await grep -q 'cannot be written: No space left' "$TMP/log.a"
	datagrams 5001 100
	sleep 2
	[[ ! -s $DISK/out.json ]] || jq -e . "$DISK/out.json" >/dev/null || fail "half a line was left"
	[[ $(grep -c . "$TMP/log.a") == 1 ]] || fail "more than one line: $(<"$TMP/log.a")"
	mount -o remount,size=16m "$DISK"
	await grep -q 'all right again' "$TMP/log.a"
	stop
	same "datagrams, on that disk" "$(got "$DISK/out.json" 5001)" "100 10000 8600"
	same "SYNs, on that disk" "$(got "$DISK/out.json" 445)" "$(got "$TMP/out.json" 445)"
	same "SYNs" "$(got "$TMP/out.json" 445 | cut -d' ' -f1)" "$SENT"
	same "records dropped" "$(grep -o '[0-9]* records were dropped' "$TMP/log.a")" \
		"0 records were dropped"
}

# Told of once, before there is anything to send; and what waits goes out when the name is known.
who_cannot_be_reached_is_told_of_at_the_start()
{
	lab
	cp /etc/hosts "$TMP/out.hosts"
	mount --bind "$TMP/out.hosts" /etc/hosts || fail "no /etc/hosts of its own"
	daemon a -q --filter 'udp port 5001' --active-timeout 1 --json "$TMP/out.json" --ipfix nowhere.invalid:9995 \
		--sflow nowhere.invalid:6343 --ipfix tcp:127.0.0.1:9997 --clickhouse http://nowhere.invalid:8123/ \
		--clickhouse-spool "$TMP/out.spool"
	await eval '(($(wc -l <"$TMP/log.a") == 4))'
	sleep 7
	sort "$TMP/log.a" >"$TMP/out.log"
	diff - "$TMP/out.log" <<-END || fail "said: $(<"$TMP/log.a")"
		weir: clickhouse http://nowhere.invalid:8123/: Could not resolve host: nowhere.invalid; records wait in $TMP/out.spool
		weir: ipfix nowhere.invalid:9995: the name does not resolve; records wait
		weir: ipfix tcp:127.0.0.1:9997: Connection refused; records wait
		weir: sflow nowhere.invalid:6343: the name does not resolve; samples are lost
	END
	host python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 9995))
print(len(s.recv(2000)), flush=True)' >"$TMP/out.got" &
	await listens 9995
	datagrams 5001 100
	await grep -q '"dport":5001' "$TMP/out.json"
	echo '127.0.0.1 nowhere.invalid' >>"$TMP/out.hosts"
	# Each failure has doubled the time to the next try.
	AWAIT=35 await grep -q '^weir: ipfix nowhere.invalid:9995: all right again' "$TMP/log.a"
	await test -s "$TMP/out.got"
	stop
}

# Nobody reads standard output: the file beside it gets all, and the end comes in time.
a_stuck_reader_delays_nobody()
{
	lab
	mkfifo "$TMP/out.fifo"
	# shellcheck disable=SC2217 # that is the point
	sleep 60 <"$TMP/out.fifo" &
	local reader=$!
	daemon a --json "$TMP/out.json" --json "$TMP/out.fifo" --active-timeout 1
	syns 445 0.5
	datagrams 5001 100
	stop
	kill "$reader"
	same "datagrams in the file" "$(got "$TMP/out.json" 5001)" "100 10000 8600"
	same "SYNs in the file" "$(got "$TMP/out.json" 445 | cut -d' ' -f1)" "$SENT"
}

# Standard output is closed and nothing else is exported to: it ends, as a failure, and says why, whether
# there is something to write or not. With another sink it goes on.
a_reader_that_leaves()
{
	local count

	lab
	mkfifo "$TMP/out.fifo"
	for count in 0 1; do
		"$LABS" host "$NAME" "$WEIR" export -i "$IF" --active-timeout 1 --json - >"$TMP/out.fifo" 2>"$TMP/out.log" &
		DAEMON=$!
		host head -n "$count" <"$TMP/out.fifo" >"$TMP/out.head" &
		await grep -q 'flow records to json' "$TMP/out.log"
		((count == 0)) || datagrams 5001 10
		await ended "$DAEMON"
		wait "$DAEMON"
		same "exit code" "$?" 1
		same "lines read" "$(wc -l <"$TMP/out.head")" "$count"
		same "lines that say why" "$(grep -c 'json -:.*reader' "$TMP/out.log")" 1
		grep -qx 'weir: json -: its reader has gone; there is nothing else to export to, and weir ends' "$TMP/out.log" ||
			fail "said: $(<"$TMP/out.log")"
	done
	"$LABS" host "$NAME" "$WEIR" export -q -i "$IF" --active-timeout 1 --json - --json "$TMP/out.json" >"$TMP/out.fifo" 2>"$TMP/log.a" &
	DAEMON=$!
	host head -n 0 <"$TMP/out.fifo"
	await grep -qx 'weir: json -: its reader has gone; going on with what else there is' "$TMP/log.a"
	datagrams 5001 100
	await grep -q '"dport":5001' "$TMP/out.json"
	sleep 2
	same "lines of log" "$(wc -l <"$TMP/log.a")" 1
	stop
	same "datagrams in the file" "$(got "$TMP/out.json" 5001)" "100 10000 8600"
	grep -Eqx 'weir: json -: records that never arrived: unreachable [1-9][0-9]*' "$TMP/log.a" || fail "said: $(<"$TMP/log.a")"
}

ended()
{
	! kill -0 "$1"
}

files_are_rotated()
{
	lab
	printf '[export]\nactive_timeout = 1\n[json]\ntarget = %s\nrotate_size = 4K\nrotate_keep = 3\n' \
		"$TMP/out.json" >"$TMP/out.conf"
	daemon a --json "$TMP/out.plain" --config "$TMP/out.conf"
	for port in 5001 5002 5003 5004 5005 5006; do
		syns "$port" 0.1 200
		sleep 1.1
	done
	await grep -q '"dport": *5006' "$TMP/out.plain"
	mv "$TMP/out.plain" "$TMP/out.moved"
	kill -HUP "$DAEMON"
	await test -e "$TMP/out.plain"
	await grep -q 'read its settings again' "$TMP/log.a"
	datagrams 5007 10
	stop
	same "old files" "$(cd "$TMP" && echo out.json.*)" "out.json.1 out.json.2 out.json.3"
	jq -e . "$TMP"/out.json* >/dev/null || fail "a file was cut within a line"
	same "before SIGHUP" "$(got "$TMP/out.moved" 5006 | cut -d' ' -f1)" "$SENT"
	same "after SIGHUP" "$(got "$TMP/out.plain" 5007)" "10 1000 860"
}

# A sink more and one less, and a mistake in between, without an end to the counting.
settings_are_read_again()
{
	lab
	printf '[json]\ntarget = %s\n' "$TMP/out.a" >"$TMP/out.conf"
	daemon a --config "$TMP/out.conf" --active-timeout 1
	datagrams 5001 100
	printf '[json]\ntarget = %s\nnonsense = 1\n' "$TMP/out.b" >"$TMP/out.conf"
	kill -HUP "$DAEMON"
	await grep -q 'out.conf:3: \[json\] has no key nonsense; going on as before' "$TMP/log.a"
	await grep -q 5001 "$TMP/out.a"
	printf '[json]\ntarget = %s\n' "$TMP/out.b" >"$TMP/out.conf"
	kill -HUP "$DAEMON"
	await test -e "$TMP/out.b"
	await grep -q 'read its settings again' "$TMP/log.a"
	datagrams 5002 50
	stop
	same "first file" "$(got "$TMP/out.a" 5001) $(got "$TMP/out.a" 5002)" "100 10000 8600 0 0 0"
	same "second file" "$(got "$TMP/out.b" 5001) $(got "$TMP/out.b" 5002)" "0 0 0 50 5000 4300"
}

# What cannot work is not gone over to, in no part: the sink that was to go is there as before.
a_reload_that_cannot_work_changes_nothing()
{
	local port=5001 what

	need openssl curl
	lab
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/out.key" -out "$TMP/out.cert" -days 2 \
		-subj /CN=weir -addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null || fail "no certificate"
	tls() { host curl -sS --max-time 10 --cacert "$TMP/out.cert" -o /dev/null -w '%{http_code}' https://127.0.0.1:9427/metrics; }
	working()
	{
		printf '[prometheus]\nlisten = :9427\ntls_cert = %s\ntls_key = %s\n' "$TMP/out.cert" "$TMP/out.key"
		printf '[json]\ntarget = %s\n' "$TMP/out.${1:-json}"
	}
	working >"$TMP/out.conf"
	daemon a --config "$TMP/out.conf" --active-timeout 1
	for what in '[json]\ntarget = /nowhere/x' '[ipfix]\ntarget = nowhere:x' '[sflow]\ntarget = nowhere' '[prometheus]\nlisten = :x' \
		"[json]\ntarget = $TMP/out.more"; do
		{ working more && printf '%b\n' "$what"; } >"$TMP/out.conf"
		: >"$TMP/log.a"
		kill -HUP "$DAEMON"
		await grep -q '^weir: .*; going on as before$' "$TMP/log.a"
		datagrams "$port" 10
		await grep -q "\"dport\":$port" "$TMP/out.json"
		same "lines of log" "$(wc -l <"$TMP/log.a")" 1
		port=$((port + 1))
	done
	# Somebody has the new port: metrics go on at the old one.
	working | sed 's/:9427/:9428/' >"$TMP/out.conf"
	host nc -l -k 127.0.0.1 9428 &
	await listens 9428
	: >"$TMP/log.a"
	kill -HUP "$DAEMON"
	await grep -q 'cannot listen on :9428: Address already in use; another daemon has the port; going on as before' "$TMP/log.a"
	same "metrics" "$(tls)" 200
	# A certificate gone bad: metrics go on by the one before.
	working >"$TMP/out.conf"
	cp "$TMP/out.cert" "$TMP/out.good"
	echo nonsense >"$TMP/out.cert"
	: >"$TMP/log.a"
	kill -HUP "$DAEMON"
	await grep -q 'tls_cert and tls_key a pair, in PEM?; going on as before' "$TMP/log.a"
	cp "$TMP/out.good" "$TMP/out.cert"
	same "metrics" "$(tls)" 200
	# A name that does not resolve is no reason: it may tomorrow.
	{ working && printf '[ipfix]\ntarget = nowhere.invalid:4739\n'; } >"$TMP/out.conf"
	kill -HUP "$DAEMON"
	await grep -q 'read its settings again' "$TMP/log.a"
	same "metrics" "$(tls)" 200
	stop
	[[ ! -e $TMP/out.more ]] || fail "a part of it was gone over to"
}

bad_settings_are_refused()
{
	printf '[export]\ninterface = eth0\n\n[json]\nfile = x\n' >"$TMP/out.conf"
	refuses 2 "$WEIR" export --check-config --config "$TMP/out.conf"
	[[ $ERR == *"out.conf:5: [json] has no key file"* ]] || fail "said: $ERR"
	printf '[jsno]\nfile = x\n' >"$TMP/out.conf"
	refuses 2 "$WEIR" export --check-config --config "$TMP/out.conf"
	printf '[export]\nfilter = tcp prt 443\n\n[json]\ntarget = x\n' >"$TMP/out.conf"
	refuses 2 "$WEIR" export --check-config --config "$TMP/out.conf"
	[[ $ERR == *"out.conf:2: filter tcp prt 443 is not a value it can take: "*"weir filter"* ]] || fail "said: $ERR"
	refuses 2 "$WEIR" export --check-config --json x --filter 'port'
	good "$WEIR" export --check-config --json x --filter 'ether host 02:00:00:00:00:01 or ip broadcast and inbound'
	refuses 1 "$WEIR" export --check-config --config "$TMP/out.none"
	refuses 2 "$WEIR" export --json x --active-timeout never
	refuses 2 "$WEIR" export --json-rotate-size 5
	refuses 2 "$WEIR" export --nonsense
	refuses 2 "$WEIR" export -i lo
	refuses 1 "$WEIR" export -i lo --json /nowhere/x
	refuses 1 "$WEIR" export -i nosuch0 --json "$TMP/out.json"
	printf '[export]\ninterface = lo\n[json]\ntarget = x\n' >"$TMP/out.conf"
	good "$WEIR" export --check-config --config "$TMP/out.conf"
}

# What --check-config and a start say of what cannot be, or is not so on this machine: CODE LINE OPTION...
looked_at()
{
	refuses "$1" "$WEIR" export -i lo --check-config "${@:3}"
	[[ $ERR == "weir: "$2 ]] || fail "not '$2', but: $ERR"
	[[ $2 == *"does not resolve"* || $2 == *"no interface"* ]] && return
	refuses "$1" timeout 20 "$WEIR" export -i lo "${@:3}"
	[[ $ERR == "weir: "$2 ]] || fail "a start says not '$2', but: $ERR"
}

targets_are_looked_at()
{
	local at=127.0.0.1:9427

	need openssl
	printf '' >"$TMP/out.empty"
	echo x >"$TMP/out.file"
	for name in a b; do
		openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/out.$name.key" -out "$TMP/out.$name.cert" \
			-days 2 -subj /CN=weir 2>/dev/null || fail "no certificate"
	done
	looked_at 1 'ipfix: the name nowhere.invalid does not resolve: *' --ipfix nowhere.invalid:4739
	looked_at 1 'sflow: the name nowhere.invalid does not resolve: *' --sflow nowhere.invalid:6343
	looked_at 1 'clickhouse: the name nowhere.invalid does not resolve: *' --clickhouse http://nowhere.invalid:8123/
	looked_at 2 'ipfix: x:70000 is not *HOST:PORT*' --ipfix x:70000
	looked_at 2 'sflow: x is not *HOST:PORT*' --sflow x
	looked_at 2 "sflow: the agent's address x is neither IPv4 nor IPv6" --sflow 127.0.0.1:6343 --sflow-agent x
	looked_at 2 'clickhouse: x is not a URL as *' --clickhouse x
	looked_at 2 'clickhouse: a password in the URL is for all to see: *' --clickhouse 'http://x/?password=secret'
	looked_at 2 'prometheus: :99999 is not ADDR:PORT*' --prometheus :99999
	looked_at 1 'prometheus: cannot listen on 198.51.100.1:80: Cannot assign requested address' --prometheus 198.51.100.1:80
	looked_at 1 'json: /nowhere/x cannot be made: /nowhere: No such file or directory' --json /nowhere/x
	looked_at 1 "json: $TMP cannot be written: Is a directory" --json "$TMP"
	looked_at 1 "clickhouse: $TMP/out.file/x/y cannot be made: $TMP/out.file: Not a directory" \
		--clickhouse http://127.0.0.1:9/ --clickhouse-spool "$TMP/out.file/x/y"
	looked_at 1 'clickhouse: /nowhere/x cannot be read: No such file or directory' \
		--clickhouse http://127.0.0.1:9/ --clickhouse-password-file /nowhere/x
	looked_at 1 "clickhouse: $TMP/out.empty cannot be read: it is empty" \
		--clickhouse https://127.0.0.1:9/ --clickhouse-ca "$TMP/out.empty"
	looked_at 1 "prometheus: /nowhere/x cannot be read: No such file or directory" \
		--prometheus "$at" --prometheus-tls-cert "$TMP/out.a.cert" --prometheus-tls-key /nowhere/x
	looked_at 1 'prometheus: the server does not start: are tls_cert and tls_key a pair, in PEM?' \
		--prometheus "$at" --prometheus-tls-cert "$TMP/out.a.cert" --prometheus-tls-key "$TMP/out.b.key"
	looked_at 2 'prometheus: TLS needs both tls_cert and tls_key' --prometheus "$at" --prometheus-tls-cert "$TMP/out.a.cert"
	looked_at 2 'prometheus: basic_auth_users: alice has no hash *' --prometheus "$at" --prometheus-basic-auth-users alice:secret
	looked_at 1 'there is no interface nosuch0' -i nosuch0 --json "$TMP/out.json"
	# All of it at once, and no file was made.
	try "$WEIR" export -i lo --check-config --ipfix a.invalid:1 --sflow x --json /nowhere/x --prometheus :x
	same "exit code" "$CODE" 2
	same "lines" "$(cut -d: -f2 "$TMP/err" | tr -d '\n')" " ipfix sflow json prometheus"
	rm -f "$TMP/out.json"
	good "$WEIR" export -i lo --check-config --ipfix 'tcp:[::1]:4739' --sflow localhost:6343 --json "$TMP/out.json" \
		--prometheus "$at" --prometheus-tls-cert "$TMP/out.a.cert" --prometheus-tls-key "$TMP/out.a.key" \
		--clickhouse http://localhost:8123/ --clickhouse-spool "$TMP/out.spool/x"
	[[ ! -e $TMP/out.json && ! -e $TMP/out.spool ]] || fail "the check made files"
}

# A file, or a port, that two sections would both have for themselves, by whatever name.
what_is_given_twice_is_said()
{
	local file=$TMP/out.json given

	ln -s out.json "$TMP/out.link"
	ln -s . "$TMP/out.here"
	for given in "$file" "$TMP/./out.json" "$TMP/out.here/out.json"; do
		looked_at 2 "json: --json and --json write the same file, $given: one of them is too many" --json "$file" --json "$given"
	done
	: >"$file"
	looked_at 2 "json: --json and --json write the same file, $TMP/out.link: *" --json "$file" --json "$TMP/out.link"
	looked_at 2 'json: --json and --json write the same file, -: *' --json - --json -
	for given in 127.0.0.1:9427 0.0.0.0:9427 '[::]:9427'; do
		looked_at 2 "prometheus: --prometheus and --prometheus listen on the same port, ${given/\[/\\[}: *" --prometheus :9427 --prometheus "$given"
	done
	printf '[json]\ntarget = %s\nrotate_keep = 3\n\n[prometheus]\nlisten = :9427\n[json]\ntarget = %s\n' "$file" "$TMP/out.link" >"$TMP/out.conf"
	looked_at 2 "json: $TMP/out.conf:2 and $TMP/out.conf:8 write the same file, $TMP/out.link: one of them is too many" --config "$TMP/out.conf"
	printf '[prometheus]\nlisten = :9427\n' >"$TMP/out.conf"
	looked_at 2 "prometheus: $TMP/out.conf:2 and --prometheus listen on the same port, :9427: *" --config "$TMP/out.conf" --prometheus :9427
	# What is not the same: any port, other addresses, a device.
	good "$WEIR" export -i lo --check-config --prometheus :0 --prometheus :0 --prometheus 127.0.0.2:9427 --prometheus '[::1]:9427' \
		--json "$file" --json "$file.2" --json /dev/null --json /dev/null
}

# At the start and by --check-config; nothing else needs it.
a_missing_library_is_said()
{
	local name package sink check
	local -a way

	while read -r name package sink; do
		read -r -a way <<<"$sink"
		good without_library "$name" "$WEIR" --version
		good without_library "$name" "$WEIR" export -i lo --json "$TMP/out.json" --check-config
		for check in '' --check-config; do
			refuses 1 without_library "$name" "$WEIR" export -i lo "${way[@]}" ${check:+"$check"}
			[[ $ERR == *": $name.so."*" (Debian: $package) cannot be loaded: /"* ]] || fail "said: $ERR"
			[[ $ERR == "weir: ${way[0]#--}: "* || $ERR == "weir: export: "* ]] || fail "does not say who wants it: $ERR"
		done
		good "$WEIR" export -i lo "${way[@]}" --check-config
	done <<-END
		libcurl libcurl4 --clickhouse http://127.0.0.1:8123/ --clickhouse-spool $TMP/out.spool
		libfixbuf libfixbuf9 --ipfix 127.0.0.1:9995
		libglib-2.0 libglib2.0-0 --ipfix 127.0.0.1:9995
		libmicrohttpd libmicrohttpd12 --prometheus 127.0.0.1:9427
		libpcap libpcap0.8 --filter tcp --json $TMP/out.json
	END
}

# A reload that wants a library that is not there changes nothing, and works once it is.
a_library_that_a_reload_lacks_is_said()
{
	local name line one port=5001

	lab
	settings() { printf '[export]\nactive_timeout = 1\n%b[json]\ntarget = %s\n%b' "$1" "$TMP/out.$2" "$3"; }
	settings '' json '' >"$TMP/out.conf"
	daemon a --config "$TMP/out.conf"
	while read -r name line; do
		ln -sf "$(library "$name")" "$MASKED"
		mount --bind /dev/null "$MASKED" || fail "cannot hide $name"
		settings '' other "$line" >"$TMP/out.conf"
		: >"$TMP/log.a"
		kill -HUP "$DAEMON"
		await grep -q 'going on as before' "$TMP/log.a"
		one=$(tr -d "\0" <"$TMP/log.a")
		[[ $one == "weir: "*": $name.so."*" cannot be loaded: /"*"; going on as before" ]] || fail "said: $one"
		datagrams "$port" 10
		await grep -q "\"dport\":$port" "$TMP/out.json"
		port=$((port + 1))
		umount "$MASKED"
	done <<-'END'
		libcurl [clickhouse]\ntarget=http://127.0.0.1:9/\n
		libglib-2.0 [ipfix]\ntarget=127.0.0.1:9995\n
		libfixbuf [ipfix]\ntarget=127.0.0.1:9995\n
		libmicrohttpd [prometheus]\nlisten=:9427\n
	END
	[[ ! -e $TMP/out.other ]] || fail "a part of it was gone over to"
	# What was missing is there: the same settings work.
	kill -HUP "$DAEMON"
	await grep -qx 'weir: metrics at http://127.0.0.1:9427/metrics' "$TMP/log.a"
	datagrams 5005 10
	await grep -q '"dport":5005' "$TMP/out.other"
	stop
}

# The interface goes and comes back: said once each way, and counted again.
an_interface_that_vanishes_is_waited_for()
{
	lab
	host ip link add weirx0 type veth peer name weirx1
	host ip link set weirx0 up
	daemon a -i weirx0 --json "$TMP/out.json"
	host ip link del weirx0
	await grep -q 'weirx0: the interface is gone; waiting' "$TMP/log.a"
	datagrams 5001 10
	host ip link add weirx0 type veth peer name weirx1
	await grep -q 'weirx0: watched again' "$TMP/log.a"
	stop
	same "datagrams meanwhile" "$(got "$TMP/out.json" 5001)" "10 1000 860"
	same "times it was said" "$(grep -c 'waiting for it' "$TMP/log.a")" 1
}

need jq python3 unshare
for case in json_lines_hold_what_was_sent full_tables_lose_nothing a_restart_repeats_nothing \
	two_daemons_of_one_interface its_start_says_what_it_does who_cannot_be_reached_is_told_of_at_the_start a_full_disk_is_waited_for a_stuck_reader_delays_nobody a_reader_that_leaves \
	files_are_rotated settings_are_read_again a_reload_that_cannot_work_changes_nothing bad_settings_are_refused targets_are_looked_at what_is_given_twice_is_said a_missing_library_is_said a_library_that_a_reload_lacks_is_said \
	an_interface_that_vanishes_is_waited_for; do
	run_case "export: ${case//_/ }" "$case"
done
