#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir export --prometheus on a link of a lab, scraped by the real Prometheus: what it stores is
# compared with what was sent. Clients that are slow, many or unknown cost nobody else anything.
# tests/prometheus.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2119,SC2317 # PromQL and Python have dollars; cases are called by name
set -u

# shellcheck source=tests/export_lib.sh
. "$(dirname "$0")/export_lib.sh"
TOOLS=$HERE/../tools
AT=127.0.0.1:9427
STORE=127.0.0.1:9428

after_case()
{
	export_after_case
	rm -rf "${TMP:?}/store"
	return 0
}

# [OPTION...] PATH: what the daemon answers.
fetch()
{
	host curl -sS --max-time 20 "${@:1:$#-1}" "http://$AT${*: -1}"
}

# SERIES: its value, all labels but those given being anyone's; sums.
value()
{
	fetch /metrics | awk -v series="$1" '
		BEGIN { n = split(series, want, /[{},]/) }
		{ name = $1; sub(/\{.*/, "", name) }
		name == want[1] {
			for (i = 2; i <= n; i++)
				if (want[i] != "" && !index($1, want[i])) next
			sum += $2
		}
		END { printf "%.15g\n", sum }'
}

is() # SERIES VALUE
{
	[[ $(value "$1") == "$2" ]]
}

# ---- the real Prometheus ----

prometheus_up()
{
	need prometheus promtool
	cat >"$TMP/out.prometheus.yml" <<-END
		global: {scrape_interval: 500ms, evaluation_interval: 1s}
		rule_files: [$(realpath "$TOOLS")/prometheus/weir.rules.yml]
		scrape_configs:
		  - job_name: weir
		    static_configs: [{targets: ['$AT']}]
	END
	host prometheus --config.file="$TMP/out.prometheus.yml" --storage.tsdb.path="$TMP/store" \
		--web.listen-address="$STORE" --log.level=error >"$TMP/log.prometheus" 2>&1 &
	await scraped
}

# EXPRESSION: the first sample's value.
query()
{
	host curl -sS "http://$STORE/api/v1/query" --data-urlencode "query=$1" |
		jq -r '.data.result[0].value[1]'
}

scraped()
{
	[[ $(query 'up{job="weir"}') == 1 ]]
}

# WHAT IS SHOULD PERCENT
about()
{
	echo "$1: $2, sent $3"
	awk -v is="$2" -v should="$3" -v percent="$4" 'BEGIN {
		off = is - should; if (off < 0) off = -off
		exit !(is != "null" && off <= should * percent / 100) }' ||
		fail "$1: is $2, should be $3 within $4 %"
}

# ---- cases ----

promtool_has_no_complaint()
{
	local said

	need promtool curl
	lab
	daemon a --prometheus "$AT" --ports 5001/udp --json "$TMP/out.json"
	datagrams 5001 100
	await is 'weir_port_packets_total{port="5001",role="destination"}' 100
	said=$(fetch /metrics | promtool check metrics 2>&1) || fail "promtool: $said"
	same "what promtool says" "$said" ""
	fetch -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5' /metrics |
		tail -n 1 | grep -qx '# EOF' || fail "no EOF in OpenMetrics"
	same "content type" "$(fetch -o /dev/null -w '%{content_type}' /metrics)" \
		"text/plain; version=0.0.4; charset=utf-8"
	same "health" "$(fetch /healthz)" ok
	fetch / | grep -q /metrics || fail "no index"
	same "elsewhere" "$(fetch -o /dev/null -w '%{http_code}' /elsewhere)" 404
	stop
}

metrics_are_what_was_sent()
{
	local metrics

	lab
	daemon a --prometheus "$AT" --ports 5001/udp,7777/tcp --json "$TMP/out.json"
	datagrams 5001 1000 58
	datagrams 5002 100 1000
	host nc -l -k -p 7777 >/dev/null 2>&1 &
	await eval 'host ss -ltn | grep -q :7777'
	for _ in {1..20}; do
		echo hello | peer nc -N -w 5 "$HOST4" 7777
	done
	await is 'weir_port_packets_total{port="5001",role="destination"}' 1000
	await is 'weir_tcp_handshake_seconds_count' 20
	same "UDP packets" "$(value 'weir_protocol_packets_total{direction="ingress",protocol="udp"}')" 1100
	same "UDP bytes" "$(value 'weir_protocol_bytes_total{direction="ingress",protocol="udp"}')" \
		"$((1000 * 100 + 100 * 1042))"
	same "bytes to 5001" "$(value 'weir_port_bytes_total{port="5001",role="destination"}')" 100000
	same "SYNs in" "$(value 'weir_tcp_segments_total{direction="ingress",flag="syn"}')" 20
	same "SYN-ACKs out" "$(value 'weir_tcp_segments_total{direction="egress",flag="synack"}')" 20
	same "FINs in" "$(value 'weir_tcp_segments_total{direction="ingress",flag="fin"}')" 20
	same "SYNs out" "$(value 'weir_tcp_segments_total{direction="egress",flag="syn"}')" 0
	metrics=$(fetch /metrics)
	same "sizes count all packets" \
		"$(awk '/^weir_frame_size_bytes_count/ { print $2 }' <<<"$metrics")" \
		"$(awk '/^weir_packets_total/ { n += $2 } END { print n }' <<<"$metrics")"
	same "sizes sum all bytes" \
		"$(awk '/^weir_frame_size_bytes_sum/ { print $2 }' <<<"$metrics")" \
		"$(awk '/^weir_bytes_total/ { n += $2 } END { print n }' <<<"$metrics")"
	! grep -v '^#' <<<"$metrics" | grep -Eq "$PEER4|^weir_talker" || fail "there are addresses unasked"
	stop
}

# So many addresses, and another row that makes the sum right.
talkers_add_up()
{
	local metrics

	lab
	daemon a --prometheus "$AT" --top-talkers 1 --filter 'udp port 5001'
	# In one window of 10 s.
	await is weir_scans_total 12
	datagrams 5001 1000
	peer "$LOAD" udp 192.0.2.66 "$HOST4" 5001 300 58 >/dev/null || fail "load failed"
	await eval 'is weir_talker_packets 1300'
	metrics=$(fetch /metrics | grep '^weir_talker')
	echo "$metrics"
	same "rows" "$(wc -l <<<"$metrics")" 4
	same "the one" "$(value "weir_talker_packets{address=\"$PEER4\"}")" 1000
	same "its bytes" "$(value "weir_talker_bytes{address=\"$PEER4\"}")" 100000
	same "others" "$(value 'weir_talker_packets{address="other"}')" 300
	stop
}

# A sweep is found while it goes on, and no longer.
findings_come_and_go()
{
	lab
	daemon a --prometheus "$AT" --finding-window 2 --sweep-targets 50
	same "before" "$(value 'weir_findings')" 0
	syns 445 5 500
	await is 'weir_findings{finding="syn_sweep"}' 1
	await is 'weir_findings{finding="syn_sweep"}' 0
	stop
}

# What the kernel has received, and when. A veth's bytes are those behind the Ethernet header.
received()
{
	local from=$EPOCHREALTIME

	host ip -j -s link show "$IF" | jq '.[0].stats64.rx | .packets, .bytes + 14 * .packets' |
		tr '\n' ' '
	awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", (a + b) / 2 }'
}

# Some 500 datagrams a second for 14 s: what PromQL makes of them over 6 s, beside the kernel.
rates_are_what_was_sent()
{
	local load before after packets bytes

	lab
	daemon a --prometheus "$AT" --json "$TMP/out.json" --active-timeout 1
	prometheus_up
	peer "$LOAD" udp "$PEER4" "$HOST4" 5001 7000 58 --rate 500 >/dev/null &
	load=$!
	sleep 4
	before=$(received)
	sleep 6
	after=$(received)
	packets=$(query 'rate(weir_protocol_packets_total{direction="ingress",protocol="udp"}[6s])')
	bytes=$(query 'rate(weir_protocol_bytes_total{direction="ingress",protocol="udp"}[6s])')
	wait "$load" || fail "load failed"
	about "packets/s" "$packets" "$(rate_of "$before" "$after" 1)" 2
	about "bytes/s" "$bytes" "$(rate_of "$before" "$after" 2)" 2
	await rules_are_on
	same "rules that do not work" "$(host curl -sS "http://$STORE/api/v1/rules" |
		jq '[.data.groups[].rules[] | select(.health != "ok")] | length')" 0
	same "alerts that fire" "$(query 'count(ALERTS{alertstate="firing"}) or vector(0)')" 0
	stop
}

# BEFORE AFTER FIELD
rate_of()
{
	awk -v a="$1" -v b="$2" -v f="$3" 'BEGIN { split(a, x); split(b, y)
		print (y[f] - x[f]) / (y[3] - x[3]) }'
}

rules_are_on()
{
	[[ $(query 'count(instance_interface_direction:weir_bytes:rate1m)') == 2 ]]
}

# The daemon comes and goes, its programs stay: no counter of the tables is set back.
a_restart_sets_nothing_back()
{
	lab
	good weir attach -i "$IF"
	daemon a --prometheus "$AT" --ports 5001/udp
	prometheus_up
	host nc -l -k -p 7777 >/dev/null 2>&1 &
	await eval 'host ss -ltn | grep -q :7777'
	for _ in {1..5}; do
		echo hello | peer nc -N -w 5 "$HOST4" 7777
	done
	datagrams 5001 1000
	await is 'weir_port_packets_total{port="5001",role="destination"}' 1000
	await is weir_tcp_handshake_seconds_count 5
	stop
	datagrams 5001 300
	daemon b --prometheus "$AT" --ports 5001/udp
	datagrams 5001 30
	await is 'weir_port_packets_total{port="5001",role="destination"}' 1330
	same "handshakes" "$(value weir_tcp_handshake_seconds_count)" 5
	same "datagrams" "$(value 'weir_protocol_packets_total{direction="ingress",protocol="udp"}')" 1330
	await scraped
	sleep 1.5
	same "counters set back" "$(set_back)" "0 of many"
	same "datagrams, as Prometheus has them" "$(query \
		'weir_protocol_packets_total{direction="ingress",protocol="udp"}')" 1330
	stop
}

# Of all that Prometheus stored of the tables: counters whose value was ever less than before.
set_back()
{
	host curl -sS "http://$STORE/api/v1/query" --data-urlencode \
		'query={__name__=~"weir_.*(_total|_bucket|_count|_sum)",__name__!~"weir_(scan|sink).*"}[2m]' |
		jq -r '[.data.result[] | [.values[][1] | tonumber]] |
			"\(map(select(. != sort)) | length) of \(if length > 100 then "many" else length end)"'
}

# As weir.rules.yml looks for them: down, and failing, while records come and wait.
sinks_that_fail_are_seen()
{
	local sink

	lab
	daemon a --prometheus "$AT" --active-timeout 1 --idle-timeout 1 --json "$TMP/out.json" \
		--clickhouse http://127.0.0.1:9/ --clickhouse-spool "$TMP/out.spool" --clickhouse-interval 0.5 \
		--ipfix tcp:127.0.0.1:9 --sflow 127.0.0.1:9 --sflow-counters 1
	for _ in {1..12}; do
		datagrams 5001 10
		sleep 0.5
		for sink in clickhouse ipfix sflow; do
			is "weir_sink_errors_total{sink=\"$sink\"}" 0 || is "weir_sink_up{sink=\"$sink\"}" 0 ||
				fail "$sink is down, fails, and is up all the same"
		done
	done
	for sink in clickhouse ipfix sflow; do
		(($(value "weir_sink_errors_total{sink=\"$sink\"}") > 0)) || fail "$sink does not fail"
	done
	same "of the file, up" "$(value 'weir_sink_up{sink="json"}')" 1
	same "of the file, errors" "$(value 'weir_sink_errors_total{sink="json"}')" 0
	stop
}

a_port_in_use_is_said()
{
	lab
	good weir attach -i "$IF"
	daemon a --prometheus "$AT"
	refuses 1 weir export -i "$IF" --prometheus "$AT"
	[[ $ERR == *"cannot listen on $AT: Address already in use"* ]] || fail "said: $ERR"
	refuses 1 weir export -i "$IF" --prometheus nowhere.invalid:1
	refuses 2 weir export -i "$IF" --prometheus "$AT" --prometheus-tls-cert /dev/null
	refuses 2 weir export -i "$IF" --prometheus "$AT" --ports 80
	# Without an address it is on loopback alone.
	stop
	daemon b --prometheus :9427
	same "where it listens" "$(host ss -Hltn sport = :9427 | awk '{ print $4 }')" "$AT"
	stop
}

strangers_are_sent_away()
{
	local hash

	need openssl python3
	lab
	hash=$(python3 -c 'import crypt; print(crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))')
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/out.key" -out "$TMP/out.cert" -days 2 \
		-subj /CN=weir -addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null || fail "no certificate"
	cat >"$TMP/out.conf" <<-END
		[prometheus]
		listen = $AT
		tls_cert = $TMP/out.cert
		tls_key = $TMP/out.key
		basic_auth_users = alice:$hash
	END
	good weir export --check-config --config "$TMP/out.conf"
	daemon a --config "$TMP/out.conf"
	tls() { host curl -sS --max-time 10 --cacert "$TMP/out.cert" -o /dev/null -w '%{http_code}' "$@"; }
	refused()
	{
		host curl -sS --max-time 10 --cacert "$TMP/out.cert" -u alice:secret "https://$AT/metrics" |
			sed -n 's/^weir_logins_refused_total{reason="\(.*\)"} /\1 /p' | paste -sd ' '
	}
	same "no name" "$(tls "https://$AT/metrics")" 401
	same "a wrong one" "$(tls -u alice:wrong "https://$AT/metrics")" 401
	same "someone else" "$(tls -u bob:secret "https://$AT/metrics")" 401
	same "the right one" "$(tls -u alice:secret "https://$AT/metrics")" 200
	same "and again" "$(tls -u alice:secret "https://$AT/metrics")" 200
	same "logins refused" "$(refused)" 'wrong 2 too_many 0'
	# The server begins anew with a reload, its counts do not.
	kill -HUP "$DAEMON"
	await grep -q 'read its settings again' "$TMP/log.a"
	same "a wrong one, after a reload" "$(tls -u alice:wrong "https://$AT/metrics")" 401
	same "logins refused, after a reload" "$(refused)" 'wrong 3 too_many 0'
	same "health is for all" "$(tls "https://$AT/healthz")" 200
	! host curl -sS --max-time 5 "http://$AT/metrics" >/dev/null 2>&1 || fail "answers without TLS"
	stop
}

# Who guesses is looked at ten times, and once a second; who was let in before is let in all the while; the
# log says it once.
guesses_are_few()
{
	local hash users codes anew

	lab
	hash() { python3 -c 'import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$1"; }
	users=alice:$(hash secret),bob:$(hash other)
	daemon a -q --prometheus "$AT" --prometheus-basic-auth-users "$users"
	code() { fetch -o /dev/null -w '%{http_code}\n' "$@" /metrics; }
	same "the right one" "$(code -u alice:secret)" 200
	codes=$(host bash -c 'for i in {1..40}; do curl -sS -o /dev/null -w "%{http_code}\n" -u "$((i % 2)):$i" "$1"; done' - \
		"http://$AT/metrics" | sort | uniq -c | tr -s ' \n' ' ')
	echo "guesses: $codes"
	[[ $codes =~ ^\ (1[0-9])\ 401\ (2[0-9]|30)\ 429\ $ ]] || fail "40 guesses: $codes"
	same "who was let in before" "$(code -u alice:secret)" 200
	# Right behind another guess, for a second may have passed.
	anew=$(host curl -sS -o /dev/null -w '%{http_code}\n' -u 0:0 "http://$AT/metrics" \
		--next -sS -D - -o /dev/null -w '%{http_code}\n' -u bob:other "http://$AT/metrics" | tr -d '\r')
	same "who comes anew" "$(tail -n 1 <<<"$anew")" 429
	same "when again" "$(sed -n 's/^Retry-After: //p' <<<"$anew")" 1
	same "no name" "$(code)" 401
	same "logins refused" "$(fetch -u alice:secret /metrics | sed -n 's/^weir_logins_refused_total{.*} //p' | paste -sd ' ')" \
		"$(awk -v more="${anew%%$'\n'*}" '{ print $1 + (more == 401), $3 + 1 + (more == 429) }' <<<"$codes")"
	sleep 2.2
	same "a moment later" "$(code -u bob:other)" 200
	same "both are known" "$(code -u alice:secret) $(code -u bob:other) $(code -u bob:wrong)" "200 200 401"
	await grep -q 'wrong user or password' "$TMP/log.a"
	sleep 2
	same "lines of log" "$(wc -l <"$TMP/log.a")" 1
	grep -Eqx 'weir: prometheus: [0-9]+ requests with a wrong user or password, and [0-9]+ not looked at for these, the last from 127.0.0.1' \
		"$TMP/log.a" || fail "the log says: $(<"$TMP/log.a")"
	stop
}

# 1,100 that send a byte now and then; who asks properly is answered, they are cut off,
# and the log says so once.
slow_clients_are_cut_off()
{
	lab
	daemon a -q --prometheus "$AT"
	host python3 - >"$TMP/out.loris" <<-'END' &
		import resource, select, socket, time
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		all = []
		for _ in range(1100):
		    s = socket.socket()
		    s.setblocking(False)
		    try: s.connect(("127.0.0.1", 9427))
		    except BlockingIOError: pass
		    all.append(s)
		begun, gone = time.time(), set()
		print("begun", flush=True)
		while len(gone) < 1000 and time.time() - begun < 40:
		    for s in all:
		        if s in gone: continue
		        try:
		            s.send(b"G" if time.time() - begun < 1 else b"x")
		            if s.recv(100) == b"": gone.add(s)
		        except BlockingIOError: pass
		        except OSError: gone.add(s)
		    time.sleep(1)
		print(len(gone), time.time() - begun, flush=True)
	END
	local loris=$!

	await grep -q begun "$TMP/out.loris"
	fetch /metrics | grep -q '^weir_build_info' || fail "no answer while they hold on"
	wait "$loris"
	cat "$TMP/out.loris"
	awk 'NR == 2 && $1 >= 1000 && $2 < 35 { good = 1 } END { exit !good }' "$TMP/out.loris" ||
		fail "not cut off: $(tail -n 1 "$TMP/out.loris")"
	same "lines of log" "$(wc -l <"$TMP/log.a")" 1
	grep -q 'cutting off clients that do not finish a request in 10 s' "$TMP/log.a" ||
		fail "the log says: $(<"$TMP/log.a")"
	stop
}

# All are answered, and memory does not grow with them.
a_thousand_clients_are_served()
{
	local before after

	lab
	daemon a --prometheus "$AT"
	fetch /metrics >/dev/null
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$DAEMON/status")
	host python3 - >"$TMP/out.clients" <<-'END'
		import resource, selectors, socket, time
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		sel, got = selectors.DefaultSelector(), {}
		for _ in range(1000):
		    s = socket.create_connection(("127.0.0.1", 9427), 10)
		    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		    s.setblocking(False)
		    sel.register(s, selectors.EVENT_READ)
		    got[s] = b""
		end, whole = time.time() + 20, 0
		while sel.get_map() and time.time() < end:
		    for key, _ in sel.select(1):
		        data = key.fileobj.recv(65536)
		        got[key.fileobj] += data
		        if not data:
		            sel.unregister(key.fileobj)
		            whole += got[key.fileobj].count(b"weir_build_info{") == 1
		print(whole)
	END
	after=$(awk '/VmRSS/ { print $2 }' "/proc/$DAEMON/status")
	same "clients answered" "$(<"$TMP/out.clients")" 1000
	echo "resident: $before kB, then $after kB"
	((after - before < 40000)) || fail "grew from $before to $after kB"
	fetch /metrics | grep -q '^weir_build_info' || fail "no answer afterwards"
	stop
}

# A million flows in the table: a scrape is as cheap as of none.
a_scrape_is_cheap_with_a_million_flows()
{
	local flood before after

	lab
	daemon a --prometheus "$AT" --memory 256 --scan-interval 30
	peer "$BUILD/flood" wsrc0 1000000 60 1000 >"$TMP/out.flood" 2>&1 &
	flood=$!
	for _ in {1..300}; do
		grep -qs filled "$TMP/out.flood" && break
		sleep 0.1
	done
	fetch /metrics >/dev/null
	# CPU of all threads but the one that scans, which sleeps now.
	before=$(cpu_of "$DAEMON")
	for _ in {1..20}; do
		fetch /metrics >/dev/null
		sleep 0.11
	done
	after=$(cpu_of "$DAEMON")
	kill "$flood"
	wait "$flood"
	awk -v n="$(value 'weir_packets_total{direction="ingress",class="ipv4"}')" \
		'BEGIN { exit !(n >= 1e6) }' || fail "there are no million flows"
	echo "$(((after - before) / 20)) us of CPU a scrape"
	(((after - before) / 20 < 20000)) || fail "$(((after - before) / 20)) us of CPU a scrape"
	stop
}

# PID: CPU time of all its threads, in us.
cpu_of()
{
	awk '{ n += $1 } END { printf "%d\n", n / 1000 }' "/proc/$1/task"/*/schedstat
}

alert_rules_pass()
{
	local said

	need promtool
	said=$(promtool test rules "$TOOLS/prometheus/weir.rules.test.yml" 2>&1) || fail "$said"
	said=$(promtool check rules "$TOOLS/prometheus/weir.rules.yml" 2>&1) || fail "$said"
}

need jq curl python3
for case in promtool_has_no_complaint metrics_are_what_was_sent talkers_add_up findings_come_and_go \
	rates_are_what_was_sent a_restart_sets_nothing_back sinks_that_fail_are_seen a_port_in_use_is_said \
	strangers_are_sent_away guesses_are_few slow_clients_are_cut_off a_thousand_clients_are_served \
	a_scrape_is_cheap_with_a_million_flows alert_rules_pass; do
	run_case "prometheus: ${case//_/ }" "$case"
done
