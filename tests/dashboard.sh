#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# The Grafana dashboard's queries against the distribution's Prometheus, which scrapes weir in the lab
# under traffic: none is refused, and none is empty.
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly LAB=wdb$$ DASHBOARD=tools/grafana/weir.json
readonly HOST4=192.0.2.1 PEER4=192.0.2.2 HOST6=2001:db8::1 PEER6=2001:db8::2

after_case()
{
	tools/lab down "$LAB"
}

host()
{
	nsenter --net="/run/netns/$LAB-host" -- "$@"
}

begin()
{
	((EUID == 0)) || skip "namespaces need root"
	need prometheus curl jq
	tools/lab up "$LAB" || fail "cannot build the lab"
	nsenter --net="/run/netns/$LAB-host" -- "$build/load" serve "$HOST4" "$HOST6" >"$TMP/serve" 2>&1 &
	until_true 60 grep -qs '^serving$' "$TMP/serve" || fail "the servers do not start: $(<"$TMP/serve")"
	nsenter --net="/run/netns/$LAB-host" -- "$build/weir" export -i wtap0 --prometheus 127.0.0.1:9757 --ports 80/tcp,443/tcp,53/udp \
		--json "$TMP/rows" --active-timeout 2 --idle-timeout 2 >"$TMP/log" 2>&1 &
	until_true 60 host curl -sf http://127.0.0.1:9757/healthz || fail "weir does not start: $(<"$TMP/log")"
	nsenter --net="/run/netns/$LAB-peer" -- "$build/load" send "$PEER4" "$HOST4" "$PEER6" "$HOST6" 0 >"$TMP/send" 2>&1 &
	nsenter --net="/run/netns/$LAB-peer" -- "$build/load" sweep wsrc0 192.0.2.66 198.51.100.1 200 445 >"$TMP/sweep" 2>&1 &
	cat >"$TMP/prometheus.yml" <<-'END'
	global: { scrape_interval: 1s, scrape_timeout: 1s }
	scrape_configs:
	- job_name: weir
	  static_configs: [{ targets: ['127.0.0.1:9757'] }]
	END
	nsenter --net="/run/netns/$LAB-host" -- prometheus --config.file="$TMP/prometheus.yml" \
		--storage.tsdb.path="$TMP/tsdb" --web.listen-address=127.0.0.1:9090 >"$TMP/prometheus.log" 2>&1 &
}

# EXPRESSION: the answer, in JSON.
ask()
{
	host curl -s --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query
}

scraped()
{
	(($(ask 'count_over_time(up{job="weir"}[1m])' | jq -r '.data.result[0].value[1] // 0') >= 8))
}

# As Grafana replaces them.
# shellcheck disable=SC2016 # Grafana's variables, not the shell's
expressions()
{
	jq -r '.panels[].targets[]?.expr' "$DASHBOARD" | sed 's/\$__rate_interval/10s/g; s/\$interface/.+/g'
}

queries()
{
	local expression answer n=0 bad=()

	begin
	until_true 60 scraped || fail "Prometheus has not scraped: $(tail -n 3 "$TMP/prometheus.log")"
	while read -r expression; do
		n=$((n + 1))
		answer=$(ask "$expression")
		[[ $(jq -r '.status == "success" and (.data.result | length > 0)' <<<"$answer") == true ]] ||
			bad+=("$expression: $answer")
	done < <(expressions)
	((n >= 20)) || fail "found but $n queries"
	((${#bad[@]} == 0)) || fail "${#bad[@]} of $n: ${bad[*]}"
	same "interfaces to choose from" \
		"$(host curl -s 'http://127.0.0.1:9090/api/v1/label/interface/values?match[]=weir_interface_up' | jq -c .data)" '["wtap0"]'
	(($(ask 'sum(rate(weir_bytes_total[10s]))' | jq -r '.data.result[0].value[1] | tonumber | floor') > 1000)) ||
		fail "no traffic was seen"
	echo "$n queries"
}

run_case 'no query of the dashboard is empty' queries
exit 0
