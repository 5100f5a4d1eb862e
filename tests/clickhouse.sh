#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# weir export --clickhouse against the distribution's clickhouse-server: ten hosts (namespaces), each
# with a link to a generator and another to the server's namespace. What the server holds is compared
# with the kernel's counters of the links and with what the generator was told to send.
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tools/lab-parts.sh
. tools/lab-parts.sh

readonly LAB=wch$$ URL=http://10.99.0.1:8123/
COUNT=1    # hosts
SERVER=''  # pid
DAEMONS=() # pid by host
INTERVAL=(--clickhouse-interval 1) # nobody wants to wait

ns() # NAME COMMAND...
{
	nsenter --net="/run/netns/$LAB-$1" -- "${@:2}"
}

gone()
{
	local state

	state=$(ps -o stat= -p "$1" 2>/dev/null) || return 0
	[[ $state == Z* ]]
}

# PID [SIGNAL]: ends one of ours.
end()
{
	kill "-${2:-TERM}" "$1" 2>/dev/null
	until_true 30 gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# ---- the server ----

server_files()
{
	mkdir -p "$TMP/ch"/{data,tmp,user,schemas}
	cat >"$TMP/ch/config.xml" <<-END
	<?xml version="1.0"?>
	<yandex>
	<logger><level>error</level><log>$TMP/ch/log</log><errorlog>$TMP/ch/errors</errorlog></logger>
	<listen_host>0.0.0.0</listen_host><http_port>8123</http_port><tcp_port>9000</tcp_port>
	<path>$TMP/ch/data/</path><tmp_path>$TMP/ch/tmp/</tmp_path>
	<user_files_path>$TMP/ch/user/</user_files_path>
	<format_schema_path>$TMP/ch/schemas/</format_schema_path>
	<users_config>users.xml</users_config><default_profile>default</default_profile>
	<default_database>default</default_database><mark_cache_size>5368709</mark_cache_size>
	<remote_servers><weir>
	<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
	<shard><replica><host>127.0.0.1</host><port>9001</port></replica></shard>
	</weir></remote_servers>
	</yandex>
	END
	cat >"$TMP/ch/users.xml" <<-'END'
	<?xml version="1.0"?>
	<yandex><profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
	<users>
	<default><password></password><networks><ip>::/0</ip></networks>
	<profile>default</profile><quota>default</quota></default>
	<weir><password>as you like it</password><networks><ip>::/0</ip></networks>
	<profile>default</profile><quota>default</quota></weir>
	</users><quotas><default/></quotas></yandex>
	END
}

pings()
{
	[[ $(ns hub curl -s -m 2 "${URL}ping") == Ok. ]]
}

server_start()
{
	# Not by ns(): $! is to be the server's own.
	nsenter --net="/run/netns/$LAB-hub" -- clickhouse-server --config-file="$TMP/ch/config.xml" >"$TMP/ch/out" 2>&1 &
	SERVER=$!
	until_true 60 pings || fail "clickhouse-server does not start: $(tail -n 3 "$TMP/ch/out" "$TMP/ch/errors")"
}

# Signals the server, at once.
server_kill()
{
	kill -KILL "$SERVER"
	wait "$SERVER" 2>/dev/null
}

sql()
{
	ns hub curl -sS -m 20 --data-binary "$1" "$URL"
}

sql_file()
{
	ns hub clickhouse-client --multiquery <"$1"
}

fresh_schema()
{
	sql 'DROP DATABASE IF EXISTS weir'
	sql_file tools/clickhouse/schema.sql || fail "schema.sql is refused"
}

# ---- hosts ----

# Both ends stay down, so that nothing is sent before weir counts; and nobody has to ask for an address
# when they go down again.
host_up()
{
	local i=$1 mac

	printf -v mac %02x "$i"

	ip netns add "$LAB-h$i" &&
		ns "h$i" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 &&
		ip -n "$LAB-h$i" link set lo up &&
		ip -n "$LAB-h$i" link add eth0 address "02:00:00:00:01:$mac" type veth \
			peer name "g$i" address "02:00:00:00:02:$mac" netns "$LAB-gen" &&
		ip -n "$LAB-h$i" neigh add "10.1.$i.2" lladdr "02:00:00:00:02:$mac" dev eth0 &&
		ip -n "$LAB-gen" neigh add "10.1.$i.1" lladdr "02:00:00:00:01:$mac" dev "g$i" &&
		ip -n "$LAB-h$i" addr add "10.1.$i.1/24" dev eth0 &&
		ip -n "$LAB-gen" addr add "10.1.$i.2/24" dev "g$i" &&
		ip -n "$LAB-h$i" link add mgmt0 type veth peer name "m$i" netns "$LAB-hub" &&
		ip -n "$LAB-h$i" addr add "10.99.0.$((10 + i))/24" dev mgmt0 &&
		ip -n "$LAB-h$i" link set mgmt0 up &&
		ip -n "$LAB-hub" link set "m$i" master br0 up
}

lab_up()
{
	local i

	ip netns add "$LAB-hub" && ip netns add "$LAB-gen" || return 1
	ns gen sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip -n "$LAB-hub" link set lo up
	ip -n "$LAB-hub" link add br0 type bridge
	ip -n "$LAB-hub" addr add 10.99.0.1/24 dev br0
	ip -n "$LAB-hub" link set br0 up
	for ((i = 1; i <= COUNT; i++)); do
		host_up "$i" || return 1
	done
	# A daemon looks for its server at once, and these links take a while to carry anything.
	for ((i = 1; i <= COUNT; i++)); do
		until_true 20 ns "h$i" ping -q -c 1 -W 1 10.99.0.1 || return 1
	done
}

lab_down()
{
	local name pids

	for name in /run/netns/"$LAB"-*; do
		name=${name##*/}
		mapfile -t pids < <(ip netns pids "$name")
		((${#pids[@]} == 0)) || kill -KILL "${pids[@]}"
		ip netns del "$name"
	done
}

links_up()
{
	local i

	for ((i = 1; i <= COUNT; i++)); do
		ip -n "$LAB-h$i" link set eth0 up
		ip -n "$LAB-gen" link set "g$i" up
		ip -n "$LAB-gen" route add "198.18.$i.0/24" via "10.1.$i.1"
		await_link "$LAB-h$i" eth0 || fail "the link of host $i does not come up"
	done
}

attached()
{
	(($(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l) >= 4))
}

# HOST [OPTION...]: starts its daemon; options given later count.
daemon()
{
	local i=$1

	nsenter --net="/run/netns/$LAB-h$i" -- "$build/weir" export -i eth0 --memory 12 \
		--active-timeout 1 --idle-timeout 1 --clickhouse "${TO:-$URL}" \
		--clickhouse-host "host$i" --clickhouse-spool "$TMP/spool$i" "${INTERVAL[@]}" "${@:2}" \
		>"$TMP/log$i" 2>&1 &
	DAEMONS[i]=$!
	until_true 30 attached "$!" || fail "the daemon of host $i does not start: $(<"$TMP/log$i")"
}

daemon_end()
{
	end "${DAEMONS[$1]}" "${2:-TERM}"
}

# HOST PORT COUNT SIZE [RATE]
send()
{
	ns gen "$build/load" --rate "${5:-500}" udp "10.1.$1.2" "10.1.$1.1" "$2" "$3" "$4"
}

# What the kernel counted on a host's link, sent by either end: "PACKETS BYTES".  It leaves the
# Ethernet header out of what a veth sends whose other end has XDP: that of the generator.
kernel()
{
	{ ns "h$1" cat /proc/net/dev && ns gen cat /proc/net/dev; } |
		sed -nE "s/^ *(eth0|g$1): */\1 /p" |
		awk '{ packets += $11; bytes += $10 } $1 != "eth0" { bytes += 14 * $11 } END { print packets, bytes }'
}

# ---- what must be ----

spool_empty()
{
	[[ ! $(find "$TMP/spool$1" -name '*.batch*') ]]
}

# A stop has but seconds: what a busy server did not take by then, it takes at the next start.
empty_spool()
{
	spool_empty "$1" && return
	daemon "$1"
	until_true 60 spool_empty "$1" || fail "host $1 does not empty its spool: $(<"$TMP/log$1")"
	daemon_end "$1"
}

# HOST: its ledger is the kernel's count, and each table holds what the ledger says.
same_sums()
{
	local host="host = 'host$1'" ledger table

	empty_spool "$1"
	ledger=$(sql "SELECT sum(packets + lost_packets + non_ip_packets + dropped_packets),
		sum(bytes + lost_bytes + non_ip_bytes + dropped_bytes) FROM weir.ledger WHERE $host")
	same "host $1: packets and bytes in the ledger, against the kernel's" "${ledger//$'\t'/ }" "$(kernel "$1")"
	ledger=$(sql "SELECT sum(packets), sum(bytes), sum(records) FROM weir.ledger WHERE $host")
	for table in \
		"sum(packets), sum(bytes), count() FROM weir.flows" \
		"sum(packets), sum(bytes), sum(records) FROM weir.ports_by_minute"; do
		same "host $1: $table" "$(sql "SELECT $table WHERE $host")" "$ledger"
	done
	ledger=$(sql "SELECT sum(packets), sum(bytes) FROM weir.ledger WHERE $host")
	same "host $1: sent by address" \
		"$(sql "SELECT sum(sent_packets), sum(sent_bytes) FROM weir.talkers_by_minute WHERE $host")" "$ledger"
	same "host $1: received by address" \
		"$(sql "SELECT sum(received_packets), sum(received_bytes) FROM weir.talkers_by_minute WHERE $host")" "$ledger"
	same "host $1: SYNs" \
		"$(sql "SELECT sumMerge(syns) FROM weir.sweeps_by_minute WHERE $host AND marker_run = 0")" \
		"$(sql "SELECT sum(packets) FROM weir.flows WHERE $host AND proto = 6 AND bitAnd(tcp_flags, 0x3b) = 2")"
	same "host $1: batches that are there twice" \
		"$(sql "SELECT count() FROM (SELECT marker_seq, sum(batches) AS n FROM weir.ports_by_minute
			WHERE $host AND marker_run != 0 GROUP BY marker_run, marker_seq HAVING n != 1)")" 0
}

# HOST COUNT: lines that its daemon said of ClickHouse.
said()
{
	local n

	n=$(grep '^weir: clickhouse ' "$TMP/log$1" | grep -Evc 'are left in the spool|that never arrived')
	((n == $2)) || fail "said $n lines of ClickHouse, not $2: $(<"$TMP/log$1")"
}

says() # HOST REGEX
{
	grep -Eq "$2" "$TMP/log$1"
}

# ---- cases ----

after_case()
{
	lab_down
	! mountpoint -q "$TMP/spool1" || umount "$TMP/spool1"
}

# [HOSTS]
begin()
{
	((EUID == 0)) || skip "namespaces need root"
	need clickhouse-server clickhouse-client curl
	COUNT=${1:-1}
	rm -rf "$TMP/ch" "$TMP"/spool* "$TMP"/log*
	lab_up || fail "cannot build the lab"
	server_files
}

quiet()
{
	local i

	sleep 0.3
	for ((i = 1; i <= COUNT; i++)); do
		ip -n "$LAB-gen" link set "g$i" down
	done
	sleep 0.3
}

fleet_traffic()
{
	local i jobs=()

	for ((i = 1; i <= COUNT; i++)); do
		send "$i" $((7000 + i)) 2000 $((100 + i)) 400 &
		jobs+=("$!")
		ns gen "$build/load" --seconds 3 sweep "g$i" 198.51.100.66 "198.18.$i.1" 200 445 &
		jobs+=("$!")
		((i > 2)) || { ns gen "$build/load" --seconds 3 sweep "g$i" 198.51.100.77 "198.18.$i.1" 150 22 & jobs+=("$!"); }
	done
	echo "${jobs[@]}" >"$TMP/jobs"
}

# The server dies while all ten are at it, at any point of any insert, and comes back.
fleet()
{
	local i

	begin 10
	server_start
	fresh_schema
	for ((i = 1; i <= COUNT; i++)); do
		daemon "$i"
	done
	links_up
	fleet_traffic
	sleep 2
	server_kill
	sleep 2
	server_start
	# shellcheck disable=SC2046 # pids
	wait $(<"$TMP/jobs")
	quiet
	for ((i = 1; i <= COUNT; i++)); do
		kill -TERM "${DAEMONS[i]}"
	done
	for ((i = 1; i <= COUNT; i++)); do
		daemon_end "$i"
		cat "$TMP/log$i"
		same_sums "$i"
		same "host $i: datagrams and their bytes, against what was sent" \
			"$(sql "SELECT sum(packets), sum(bytes) FROM weir.flows WHERE host = 'host$i'
				AND proto = 17 AND dport = 7000 + $i AND direction = 2")" \
			"2000	$((2000 * (142 + i)))"
	done
	queries
}

# NAME: what a shipped query answers, as text.
answer()
{
	sed "${2:-}" "tools/clickhouse/queries/$1.sql" >"$TMP/query"
	sql "$(<"$TMP/query") FORMAT TabSeparated" | tee "$TMP/$1"
}

# The shipped queries, of what the fleet has seen.
queries()
{
	local i

	# The twenty first: the sweep, and all hosts but the first with their peers.
	answer top-talkers
	for ((i = 2; i <= COUNT; i++)); do
		awk -v addr="10.1.$i.2" -v least=$((2000 * (142 + i))) \
			'$1 == addr && $2 >= least && $2 < least + 10000 && $5 == 1 { found = 1 } END { exit !found }' \
			"$TMP/top-talkers" || fail "10.1.$i.2 is not among the top talkers with what it sent"
	done
	answer sweep-sources
	same "sources of sweeps, their ports, hosts and targets" "$(cut -f 1-4 "$TMP/sweep-sources")" \
		"198.51.100.66	445	10	2000"$'\n'"198.51.100.77	22	2	300"
	answer ports-over-time
	for ((i = 1; i <= COUNT; i++)); do
		((i < 3)) || same "packets to port $((7000 + i))" \
			"$(awk -v port=$((7000 + i)) '$4 == port { n += $6 } END { print n }' "$TMP/ports-over-time")" 2000
	done
	answer audit
	same "hosts that do not balance" "$(awk '$4 || $5 || $6 || $7 || $8' "$TMP/audit")" ''
	same "hosts in the audit" "$(wc -l <"$TMP/audit")" "$COUNT"
}

# Two servers, two hosts that each send to one of them, and one question to both.
distributed()
{
	local second=http://10.99.0.1:8124/ url i

	begin 2
	server_start
	fresh_schema
	mkdir -p "$TMP/ch2"/{data,tmp,user,schemas}
	sed "s|$TMP/ch/|$TMP/ch2/|g; s|<http_port>8123|<http_port>8124|; s|<tcp_port>9000|<tcp_port>9001|
		s|<default_profile>|<interserver_http_port>9010</interserver_http_port>&|" \
		"$TMP/ch/config.xml" >"$TMP/ch2/config.xml"
	cp "$TMP/ch/users.xml" "$TMP/ch2"
	nsenter --net="/run/netns/$LAB-hub" -- clickhouse-server --config-file="$TMP/ch2/config.xml" \
		>"$TMP/ch2/out" 2>&1 &
	until_true 60 ns hub clickhouse-client --port 9001 --query 'SELECT 1' || fail "no second server: $(tail -n 3 "$TMP/ch2/out")"
	ns hub clickhouse-client --port 9001 --multiquery <tools/clickhouse/schema.sql || fail "schema.sql"
	ns hub clickhouse-client --port 9001 --multiquery <tools/clickhouse/schema-distributed.sql || fail "schema-distributed.sql"
	sql_file tools/clickhouse/schema-distributed.sql || fail "schema-distributed.sql"
	daemon 1
	TO=$second daemon 2
	links_up
	send 1 7001 600 100
	send 2 7002 500 100
	finish
	daemon_end 2
	for url in "$URL" "$second"; do
		same "datagrams of both, by $url" \
			"$(ns hub curl -sS --data-binary "SELECT dport, sum(packets) FROM weir.flows_all
				WHERE dport IN (7001, 7002) GROUP BY dport ORDER BY dport" "$url" | tr '\t\n' '  ')" \
			"7001 600 7002 500 "
	done
	answer audit 's/FROM weir\.\([a-z_]*\)/FROM weir.\1_all/'
	same "hosts that do not balance" "$(awk '$4 || $5 || $6 || $7 || $8' "$TMP/audit")" ''
	same "hosts in the audit" "$(wc -l <"$TMP/audit")" 2
	for i in top-talkers sweep-sources ports-over-time; do
		answer "$i" 's/FROM weir\.\([a-z_]*\)/FROM weir.\1_all/'
		[[ $(<"$TMP/$i") != *Exception* ]] || fail "$i is refused"
	done
}

# A traffic of a second and a half, and then rest.
some_traffic()
{
	send 1 7001 600 100 400
}

# Ends the daemon with the link at rest.
finish()
{
	quiet
	daemon_end 1
	cat "$TMP/log1"
}

rows()
{
	[[ $(sql "SELECT count() > 0 FROM weir.ledger") == 1 ]]
}

# An exception in a view fails an insert that other views have taken already: this is what a server
# that dies between two views leaves, at the same place each time.
partial()
{
	begin
	server_start
	fresh_schema
	sql "CREATE TABLE weir.pit (x UInt8) ENGINE = Null"
	sql "CREATE MATERIALIZED VIEW weir.to_r TO weir.pit AS SELECT toUInt8(throwIf(kind = 0)) AS x FROM weir.inbox"
	daemon 1
	links_up
	some_traffic
	until_true 30 says 1 'HTTP 500' || fail "the insert was to fail: $(<"$TMP/log1")"
	sleep 1
	sql "SELECT 'ledger', count() FROM weir.ledger UNION ALL SELECT 'flows', count() FROM weir.flows
		UNION ALL SELECT 'ports', count() FROM weir.ports_by_minute
		UNION ALL SELECT 'talkers', count() FROM weir.talkers_by_minute" | tee "$TMP/part"
	[[ $(awk '$2 > 0' "$TMP/part" | wc -l) != 0 ]] || fail "no table has it: the case shows nothing"
	sql "DROP TABLE weir.to_r"
	until_true 30 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	said 1 2
	same_sums 1
}

# The server sleeps over an insert it has begun, and wakes when it was given up.
frozen()
{
	begin
	server_start
	fresh_schema
	daemon 1 --clickhouse-timeout 1
	links_up
	send 1 7001 2000 100 400 &
	until_true 30 rows || fail "no rows come"
	kill -STOP "$SERVER"
	until_true 30 says 1 'no answer within 1 s' || fail "no line: $(<"$TMP/log1")"
	sleep 2
	kill -CONT "$SERVER"
	until_true 30 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	wait "$!"
	finish
	said 1 2
	same_sums 1
}

# A view that takes its time: the insert is given up, and done all the same.
slow()
{
	begin
	server_start
	fresh_schema
	sql "CREATE TABLE weir.pit (x UInt8) ENGINE = Null"
	sql "CREATE MATERIALIZED VIEW weir.to_pit TO weir.pit AS SELECT sleep(2) AS x FROM weir.inbox"
	daemon 1 --clickhouse-timeout 1
	links_up
	some_traffic
	until_true 30 says 1 'no answer within 1 s' || fail "no line: $(<"$TMP/log1")"
	sql "DROP TABLE weir.to_pit"
	until_true 30 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	same_sums 1
}

# Nobody listens at first; the daemon is stopped and started meanwhile, and then killed.
refused()
{
	local stop

	begin
	daemon 1
	links_up
	some_traffic
	until_true 30 says 1 'refused|connect to' || fail "no line: $(<"$TMP/log1")"
	stop=$EPOCHREALTIME
	quiet
	daemon_end 1
	awk -v a="$stop" -v b="$EPOCHREALTIME" 'BEGIN { exit b - a > 5.5 }' || fail "a stop took more than 5 s"
	said 1 1
	cp "$TMP/log1" "$TMP/log1.first"
	daemon 1
	says 1 'blocks from before wait' || fail "says nothing of the spool: $(<"$TMP/log1")"
	refuses 1 ns h1 timeout 10 "$build/weir" export -i eth0 --clickhouse "$URL" --clickhouse-spool "$TMP/spool1"
	[[ $ERR == *"another process has the spool"* ]] || fail "wrong line: $ERR"
	sleep 1
	daemon_end 1 KILL
	daemon 1
	server_start
	fresh_schema
	until_true 60 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	cat "$TMP/log1.first"
	same "datagrams" "$(sql "SELECT sum(packets), sum(bytes) FROM weir.flows WHERE proto = 17 AND dport = 7001")" \
		"600	$((600 * 142))"
	spool_empty 1 || fail "files are left in the spool"
}

# What listens is no ClickHouse, or is one with a fault: HOW REGEX
strange()
{
	local how=$1 line=$2

	begin
	ns hub python3 tests/http_server.py "$how" 10.99.0.1 8123 &
	until_true 30 ns hub bash -c 'exec 3<>/dev/tcp/10.99.0.1/8123'
	daemon 1 --clickhouse-timeout 1
	links_up
	some_traffic
	until_true 30 says 1 "$line" || fail "no such line: $(<"$TMP/log1")"
	sleep 2.5
	kill -0 "${DAEMONS[1]}" || fail "the daemon is gone: $(<"$TMP/log1")"
	finish
	said 1 1
	[[ $(<"$TMP/log1") =~ hold\ ([0-9]+)\ packets ]] || fail "says nothing at its end"
	((BASH_REMATCH[1] >= 600)) ||
		fail "counting did not go on: $(<"$TMP/log1")"
}

# VERSION REGEX: what a server of that version is asked to do with an insert.
asked_of()
{
	begin
	ns hub python3 tests/http_server.py "$1" 10.99.0.1 8123 >"$TMP/asked" 2>&1 &
	until_true 30 ns hub bash -c 'exec 3<>/dev/tcp/10.99.0.1/8123'
	daemon 1
	links_up
	some_traffic
	until_true 30 grep -q 'INSERT' "$TMP/asked" || fail "no insert: $(<"$TMP/log1")"
	finish
	said 1 0
	grep -m 1 'INSERT' "$TMP/asked" | grep -Eq "$2" || fail "asked: $(grep -m 1 INSERT "$TMP/asked")"
}

# A server that gathers rows of its own accord, as from 26.3 on, must not: what it holds it cannot tell of.
# An old one knows none of it, and would refuse it.
settings_of_an_insert()
{
	asked_of 26.3.1.415 '&insert_deduplication_token=weir-[0-9-]*&deduplicate_blocks_in_dependent_materialized_views=1&async_insert=0 HTTP'
	lab_down
	asked_of 18.16.1 '&query_id=weir-[0-9-]* HTTP'
}

no_schema()
{
	begin
	server_start
	daemon 1
	links_up
	some_traffic
	until_true 30 says 1 'HTTP 404.*weir' || fail "no line: $(<"$TMP/log1")"
	fresh_schema
	until_true 60 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	said 1 2
	same_sums 1
}

# Half of the tables and views take a block, too, and the server says that all is well.
half_a_schema()
{
	begin
	server_start
	sed '/by service port/,$d' tools/clickhouse/schema.sql >"$TMP/half.sql"
	sql_file "$TMP/half.sql" || fail "half of schema.sql is refused"
	daemon 1
	links_up
	some_traffic
	until_true 30 says 1 'records wait' || fail "no line: $(<"$TMP/log1")"
	sql_file tools/clickhouse/schema.sql || fail "schema.sql is refused"
	until_true 60 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	said 1 2
	same_sums 1
}

# Beyond its bound the spool drops, and the ledger tells.
spool_full()
{
	local port

	begin
	daemon 1 --clickhouse-spool-size 1K --clickhouse-interval 0.2 --scan-interval 0.2
	links_up
	for port in 22 23 445; do
		ns gen "$build/load" --seconds 1 --rate 1000 sweep g1 198.51.100.66 198.18.1.1 200 "$port"
	done
	until_true 30 says 1 'is full' || fail "no line: $(<"$TMP/log1")"
	server_start
	fresh_schema
	until_true 60 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	some_traffic
	finish
	said 1 3
	(($(sql "SELECT sum(dropped_packets) FROM weir.ledger") > 0)) || fail "no drop in the ledger"
	same_sums 1
}

# The disk is full: memory holds what it can, and all arrives.
disk_full()
{
	begin
	mkdir "$TMP/spool1"
	mount -t tmpfs -o size=16k tmpfs "$TMP/spool1" || skip "no tmpfs"
	head -c 16k /dev/zero >"$TMP/spool1/filler"
	daemon 1
	links_up
	some_traffic
	until_true 30 says 1 'No space left' || fail "no line: $(<"$TMP/log1")"
	server_start
	fresh_schema
	until_true 60 says 1 'all right again' || fail "does not recover: $(<"$TMP/log1")"
	finish
	umount "$TMP/spool1"
	said 1 3
	same_sums 1
}

# What a server has to merge: an insert of many rows each ten seconds, and of a link where nothing but frames
# that are not IP come a part in one table.
few_parts()
{
	local inserts

	begin
	server_start
	fresh_schema
	daemon 1
	links_up
	ns gen python3 -c 'import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("g1", 0))
for i in range(4):
    s.send(bytes.fromhex("0180c200000e0200000002010001") + bytes(46))
    time.sleep(1.2)'
	finish
	empty_spool 1
	inserts=$(sql "SELECT uniqExact(seq) FROM weir.ledger")
	((inserts >= 2)) || fail "$inserts inserts of frames that are not IP"
	same "frames that are not IP" "$(sql "SELECT sum(non_ip_packets) FROM weir.ledger")" 4
	for table in flows ports_by_minute talkers_by_minute sweeps_by_minute; do
		same "rows in $table" "$(sql "SELECT count() FROM weir.$table")" 0
	done
	ip -n "$LAB-gen" link set g1 up
	INTERVAL=()
	fresh_schema
	daemon 1
	await_link "$LAB-h1" eth0
	ip -n "$LAB-gen" route replace 198.18.1.0/24 via 10.1.1.1
	send 1 7001 4400 100 400
	finish
	empty_spool 1
	same "datagrams" "$(sql "SELECT sum(packets) FROM weir.flows WHERE dport = 7001")" 4400
	inserts=$(sql "SELECT uniqExact(seq) FROM weir.ledger")
	((inserts <= 3)) || fail "$inserts inserts in 11 s"
}

# User and password, and a name that has to be quoted.
password()
{
	begin
	server_start
	fresh_schema
	echo 'as you like it' >"$TMP/password"
	daemon 1 --clickhouse-user weir --clickhouse-password-file "$TMP/password" --clickhouse-host "host1'\\"
	links_up
	some_traffic
	finish
	same "hosts" "$(sql "SELECT DISTINCT host FROM weir.flows FORMAT TabSeparatedRaw")" "host1'\\"
	said 1 0
}

bad_url()
{
	local url

	for url in nonsense ftp://10.99.0.1/ http:// http://me:secret@10.99.0.1:8123/; do
		refuses 2 "$build/weir" export -i lo --clickhouse "$url" --clickhouse-spool "$TMP/spool"
		[[ $ERR != *secret* || $url != *secret* ]] || fail "tells the password: $ERR"
	done
}

# Most of the time is spent waiting: so two of us go through the cases side by side.
if [[ ! ${WEIR_ONLY:-} ]]; then
	here=tests/${0##*/} halves=()
	for part in '^(ten hosts|refused|an insert|two)' '^(a |HTTP|no schema|user)'; do
		WEIR_ONLY=$part "$here" "$build" >"$TMP/${#part}.part" 2>&1 &
		halves+=("$!")
	done
	for half in "${halves[@]}"; do
		wait "$half" || FAILED=$((FAILED + 1))
	done
	cat "$TMP"/*.part
	ran=$(grep -cE '^(ok|not ok|skip) - ' "$TMP"/*.part | awk -F: '{ n += $2 } END { print n }')
	[[ $ran == "$(grep -c '^run_case ' "$here")" ]]
	verdict 'each case ran in one half or the other' $? "only $ran did"
	exit 0
fi
run_case 'ten hosts, a server killed half-way: what it holds is what the kernels counted' fleet
run_case 'an insert that only some tables took is finished, not repeated' partial
run_case 'a server that freezes and wakes takes nothing twice' frozen
run_case 'an insert given up that the server goes on with is not repeated' slow
run_case 'refused: rows wait in the spool over a stop, a start and a kill of the daemon' refused
run_case 'HTTP 500: one line, counting goes on' strange 500 'HTTP 500'
run_case 'a server that never answers: one line, counting goes on' strange silent 'no answer within 1 s'
run_case 'a server of something else: one line, counting goes on' strange hello 'not as a ClickHouse does'
run_case 'no schema: one line names it, and rows come once it is there' no_schema
run_case 'a schema that is still being made gets each row once all the same' half_a_schema
run_case 'a full spool drops what the ledger tells' spool_full
run_case 'a full disk: one line, and nothing is lost' disk_full
run_case 'a new server is asked for what it would not do of itself' settings_of_an_insert
run_case 'a server gets few parts to merge' few_parts
run_case 'user, password, and a host name that needs quoting' password
run_case 'two servers, one question' distributed
run_case 'a URL that can never work is refused' bad_url
exit 0
