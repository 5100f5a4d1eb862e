#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What weir makes of bad files, bad options, closed pipes and full disks: an exit code, one line
# that says why, and whatever could be read.  tests/input.sh BUILD_DIR
# shellcheck disable=SC2317 # cases are called by name
set -u

BUILD=$(realpath -- "${1:?usage: input.sh BUILD_DIR}") || exit 1
HERE=$(dirname "$0")
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"
WEIR=$BUILD/weir
# What should be refused before anything is touched must not touch a real interface if it is not.
NONE=weirnone0
FILES=$TMP/files
mkdir "$FILES" || exit 1
chmod 755 "$TMP" "$FILES"

# ---- the files ----

make_files()
{
	python3 - "$FILES" <<'END'
import struct, sys, os

where = sys.argv[1]

def put(name, data):
    with open(os.path.join(where, name), "wb") as f:
        f.write(data)

def ip(payload=18, proto=17, sport=1000, dport=2000):
    l4 = struct.pack(">HHHH", sport, dport, 8 + payload, 0) + bytes(payload)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 0, 0, 64, proto, 0,
                       bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1])) + l4

def eth(**how):
    return bytes(6) + b"\2\0\0\0\0\1" + b"\x08\0" + ip(**how)

def header(link=1, order="<", magic=0xa1b2c3d4):
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)

def record(data, length=None, captured=None, at=1700000000, order="<"):
    return struct.pack(order + "IIII", at, 0, len(data) if captured is None else captured,
                       len(data) if length is None else length) + data

frame = eth()
assert len(frame) == 60
good = header() + record(frame) * 3
put("good.pcap", good)
put("other.pcap", header() + record(eth(sport=1001)) * 2)
put("big-endian.pcap", header(order=">") + record(frame, order=">") * 3)
put("empty", b"")
put("text", b"This is no capture file, but a text of some length.\n" * 4)
put("short-header.pcap", good[:17])
put("no-records.pcap", header())
put("cut-data.pcap", good[:-25])
put("cut-header.pcap", good[:-(60 + 7)])
put("caplen-over-len.pcap", header() + record(frame) * 2 + record(frame, length=40) + record(frame))
put("caplen-huge.pcap", header() + record(frame) * 2 + record(frame, captured=0x7fffffff, length=0x7fffffff))
put("len-huge.pcap", header() + record(frame) * 2 + record(frame, length=0xffffffff))
put("link-147.pcap", header(147) + record(frame) * 3)
put("snapped.pcap", header() + record(frame[:42], length=60) + record(frame[:20], length=60))
put("raw.pcap", header(101) + record(ip()) * 2)

def block(kind, body):
    body += bytes(-len(body) % 4)
    n = 12 + len(body)
    return struct.pack("<II", kind, n) + body + struct.pack("<I", n)

def interface(link):
    return block(1, struct.pack("<HHI", link, 0, 262144))

def packet(number, data):
    return block(6, struct.pack("<IIIII", number, 0, 0, len(data), len(data)) + data)

section = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
put("good.pcapng", section + interface(1) + packet(0, frame) * 3)
put("two-alike.pcapng", section + interface(1) + interface(1) + packet(0, frame) + packet(1, frame))
put("two-links.pcapng", section + interface(1) + packet(0, frame) * 2 + interface(101) + packet(1, ip()))
put("cut.pcapng", (section + interface(1) + packet(0, frame) * 3)[:-30])
END
}

# ---- judging ----

packets()
{
	jq -r .totals.packets "$TMP/out" 2>/dev/null || echo "not JSON"
}

# FRAMES: that many were read, although the command complained.
read_frames()
{
	same "frames read" "$(packets)" "$1"
}

# FILE: nothing can be made of it.
hopeless()
{
	refuses 1 "$WEIR" read "$1"
	[[ ! $OUT ]] || fail "nothing was read, but it printed an answer"
	[[ $ERR == *"$1"* ]] || fail "the line does not name the file: $ERR"
}

# FILE FRAMES: damaged after some.
damaged()
{
	refuses 1 "$WEIR" read -j "$1"
	[[ $ERR == *"$1"* ]] || fail "the line does not name the file: $ERR"
	read_frames "$2"
}

intact()
{
	good "$WEIR" read -j "$1"
	[[ ! $ERR ]] || fail "it said: $ERR"
	read_frames "$2"
}

# ---- files ----

case_good()
{
	intact "$1" 3
	same "bytes" "$(jq .totals.bytes "$TMP/out")" 180
	same "flows" "$(jq '.flows | length' "$TMP/out")" 1
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	same "the flow" "$(jq -c '.flows[0] | [.src, .sport, .dst, .dport, .proto, .packets, .bytes,
		.ip_bytes]' "$TMP/out")" '["192.0.2.2",1000,"192.0.2.1",2000,17,3,180,138]'
}

unpacked()
{
	"$1" -dc "$2" | "$WEIR" read -j -
}

# PROGRAM SUFFIX: what unpacks it is named, to both readers.
case_packed()
{
	local file=$FILES/good.pcap.$2

	need "$1"
	"$1" -c <"$FILES/good.pcap" >"$file" 2>/dev/null || fail "$1 does not pack"
	hopeless "$file"
	[[ $ERR == *"\`$1 -dc $file | weir read -\`"* ]] || fail "the line does not say how: $ERR"
	refuses 1 "$WEIR" packets -r "$file"
	[[ $ERR == *"\`$1 -dc $file | weir packets -r -\`"* ]] || fail "the line does not say how: $ERR"
	good unpacked "$1" "$file"
	read_frames 3
	refuses 1 from_stdin "$file"
	[[ $ERR == *"\`$1 -dc | weir read -\`"* ]] || fail "the line does not say how: $ERR"
}

case_unreadable()
{
	local file=$TMP/files/unreadable.pcap

	((EUID == 0)) || skip "only root can become nobody"
	cp "$FILES/good.pcap" "$file" && chmod 0 "$file"
	cp "$WEIR" "$TMP/weir" && chmod 755 "$TMP/weir"
	refuses 1 setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/weir" read "$file"
	[[ $ERR == *"$file"* && $ERR == *ermission* ]] || fail "the line does not say why: $ERR"
	[[ ! $OUT ]] || fail "it printed an answer"
}

case_unknown_link()
{
	damaged "$FILES/link-147.pcap" 3
	same "class other" "$(jq .totals.classes.other.packets "$TMP/out")" 3
	[[ $ERR == *147* ]] || fail "the line does not name the link type: $ERR"
}

case_snapped()
{
	intact "$FILES/snapped.pcap" 2
	same "bytes, on the wire" "$(jq .totals.bytes "$TMP/out")" 120
	same "truncated" "$(jq .totals.classes.truncated.packets "$TMP/out")" 1
}

from_stdin()
{
	"$WEIR" read -j - <"$1"
}

case_stdin()
{
	good from_stdin "$FILES/good.pcap"
	read_frames 3
}

from_pipe()
{
	# shellcheck disable=SC2002 # it has to be a pipe
	cat "$1" | "$WEIR" read -j -
}

case_stdin_pipe()
{
	good from_pipe "$FILES/good.pcap"
	read_frames 3
	refuses 1 from_pipe "$FILES/cut-data.pcap"
	read_frames 2
}

case_stdin_empty()
{
	refuses 1 "$WEIR" read -
	[[ ! $OUT ]] || fail "nothing was read, but it printed an answer"
	same "what it says" "$ERR" "weir: -: nothing came on standard input"
}

case_several_files()
{
	good "$WEIR" read -j "$FILES/good.pcap" "$FILES/other.pcap" "$FILES/raw.pcap"
	read_frames 7
	same "flows" "$(jq '.flows | length' "$TMP/out")" 2
	same "files named" "$(jq '.files | length' "$TMP/out")" 3
}

# More threads than there is memory for them: as many as there is.
case_threads()
{
	local memory

	for memory in 12 23 47; do
		good "$WEIR" read -j -M "$memory" "$1"
		read_frames 3
	done
	good "$WEIR" read -j --threads 64 "$1"
	read_frames 3
}

case_several_one_missing()
{
	refuses 1 "$WEIR" read -j "$FILES/good.pcap" "$FILES/missing" "$FILES/other.pcap"
	read_frames 5
	# As tcpdump and `weir packets` have it.
	refuses 1 "$WEIR" read -j "$FILES/good.pcap" udp
	read_frames 3
	[[ $ERR == *"udp: "*"behind --" ]] || fail "the line does not say where words belong: $ERR"
}

# ---- output ----

json_is_json()
{
	good "$WEIR" read -j "$FILES/good.pcap"
	python3 -m json.tool "$TMP/out" >/dev/null || fail "python does not read it as JSON"
	same "objects" "$(jq -s length "$TMP/out")" 1
	same "schema" "$(jq .schema "$TMP/out")" 1
	same "source" "$(jq -r .source "$TMP/out")" file
}

odd_name()
{
	local name=$FILES/$'odd "name"\\\t.pcap'

	cp "$FILES/good.pcap" "$name"
	good "$WEIR" read -j "$name"
	same "the file's name" "$(jq -r '.files[0]' "$TMP/out")" "$name"
}

case_csv()
{
	good "$WEIR" read --csv "$FILES/good.pcap" "$FILES/other.pcap"
	# Without a view these are the flows, each row as wide as the heading.
	python3 - "$TMP/out" <<-'END' || fail "the rows do not fit their headings"
		import csv, sys
		rows = list(csv.reader(open(sys.argv[1])))
		assert rows[0][:5] == ["src", "sport", "dst", "dport", "proto"], rows[0]
		assert "packets" in rows[0] and "bytes" in rows[0], rows[0]
		assert len(rows) == 3 and {len(row) for row in rows} == {len(rows[0])}, rows
		at = rows[0].index("packets")
		flows = {row[1]: row[at] for row in rows[1:3]}
		assert flows == {"1000": "3", "1001": "2"}, flows
	END
}

case_rows()
{
	good "$WEIR" read -j -n 1 "$FILES/good.pcap" "$FILES/other.pcap"
	same "rows with -n 1" "$(jq '.flows | length' "$TMP/out")" 1
	same "the largest flow's packets" "$(jq '.flows[0].packets' "$TMP/out")" 3
	good "$WEIR" read -j -s sport -n 1 "$FILES/good.pcap" "$FILES/other.pcap"
	same "the first by sport" "$(jq '.flows[0].sport' "$TMP/out")" 1001
}

to_full()
{
	"$WEIR" read "$@" "$FILES/good.pcap" >/dev/full
}

case_full()
{
	local how

	for how in -j -C -q; do
		refuses 1 to_full "$how"
	done
	refuses 1 full_help
}

full_help()
{
	"$WEIR" --help >/dev/full
}

to_head()
{
	local codes

	"$WEIR" read -j -n 0 "$FILES/many.pcap" | head -n 1
	codes=("${PIPESTATUS[@]}")
	return "${codes[0]}"
}

case_closed_pipe()
{
	local how

	python3 - "$FILES/many.pcap" <<-'END'
		import struct, sys
		ip = bytes.fromhex("450000200000000040110000c0000202c0000201")
		with open(sys.argv[1], "wb") as f:
		    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
		    for port in range(20000):
		        f.write(struct.pack("<IIII", 1, 0, 32, 32) + ip
		                + struct.pack(">HHHHI", port, 9, 12, 0, 0))
	END
	good to_head
	[[ ! $ERR ]] || fail "it should end in silence, said: $ERR"
	same "lines" "$(wc -l <"$TMP/out")" 1
	for how in -j -C -q; do
		leaves_with_reader "$WEIR" read "$how" -n 0 "$FILES/many.pcap"
		leaves_with_reader "$WEIR" read "$how" "$FILES/good.pcap"
		# Each line is written by itself: at the end there is none left to write.
		leaves_with_reader env ASAN_OPTIONS=verify_asan_link_order=0 stdbuf -oL "$WEIR" read "$how" "$FILES/good.pcap"
	done
	leaves_with_reader "$WEIR" packets -r "$FILES/good.pcap"
	leaves_with_reader "$WEIR" packets -q -r "$FILES/good.pcap" -w -
	leaves_with_reader "$WEIR" filter tcp
	leaves_with_reader "$WEIR" --help
	leaves_with_reader "$WEIR" export --help
	# What is the matter with the file is told all the same.
	refuses 1 to_nobody "$WEIR" read "$FILES/cut-data.pcap"
}

# ---- misuse ----

silent_out()
{
	[[ ! $OUT ]] || fail "a refusal printed on standard output"
}

misuse()
{
	refuses 2 "$WEIR" "$@"
	silent_out
}

case_bad_values()
{
	local good=$FILES/good.pcap value

	for value in abc -1 '' 1x 99999999999999999999; do
		misuse read -n "$value" "$good"
	done
	for value in abc -1 '' 0 99999999999999; do
		misuse read -M "$value" "$good"
	done
	for value in abc 0 -5 99999999999; do
		misuse read -F "$value" "$good"
	done
	for value in abc 0 -1 '' 65; do
		misuse read --threads "$value" "$good"
	done
	misuse read --threads 2 -M 23 "$good"
	good "$WEIR" read --threads 2 -M 24 "$good"
	for value in abc -1 nan '' 0; do
		misuse top -I "$value" -i "$NONE"
	done
	for value in abc -1 nan ''; do
		misuse show -d "$value" -i "$NONE"
	done
	[[ $ERR == *"it takes SECONDS: "* ]] || fail "the line does not say of what: $ERR"
	misuse attach -m sideways -i "$NONE"
	misuse read "$good" -n
}

# Those that there are stand in the line.
case_bad_sort()
{
	local keys key

	misuse read -s nonsense "$FILES/good.pcap"
	keys=${ERR#*, but }
	for key in src bytes sent.bytes dst.packets sources_est; do
		[[ ", $keys," == *", $key,"* ]] || fail "no $key among $keys"
	done
	for key in ${keys//,/}; do
		good "$WEIR" read -s "$key" "$FILES/good.pcap"
	done
	same "keys said twice" "$(tr -d ' ' <<<"$keys" | tr , '\n' | sort | uniq -d)" ""
	misuse show hosts -s nonsense -i "$NONE"
	same "keys of hosts" "${ERR#*, but }" \
		"interface, addr, sent.packets, sent.bytes, received.packets, received.bytes, flows"
	misuse show totals -s nonsense -i "$NONE"
	[[ $ERR == *"not sorted"* ]] || fail "said: $ERR"
}

case_unknown_options()
{
	misuse read --frobnicate "$FILES/good.pcap"
	[[ $ERR == *frobnicate* ]] || fail "the line does not name the option: $ERR"
	misuse read -Z "$FILES/good.pcap"
	[[ $ERR == *Z* ]] || fail "the line does not name the option: $ERR"
	misuse read -jZ "$FILES/good.pcap"
	[[ $ERR == *Z* ]] || fail "the line does not name the option: $ERR"
	misuse read --json=1 "$FILES/good.pcap"
	[[ $ERR == *"--json=1 takes no value"* ]] || fail "said: $ERR"
	misuse read -n '' "$FILES/good.pcap"
	[[ $ERR == *"--rows '' is not"* ]] || fail "said: $ERR"
	# One that others have.
	misuse read -i "$NONE" "$FILES/good.pcap"
	misuse show -I 1 -i "$NONE"
}

# Neither wins over the other.
case_two_formats()
{
	local way

	for way in '-j --csv' '--csv -j' '--json -C'; do
		# shellcheck disable=SC2086 # two words
		misuse read $way "$FILES/good.pcap"
		[[ $ERR == *"--json or --csv"* ]] || fail "the line does not name them: $ERR"
		# shellcheck disable=SC2086
		misuse show $way -i "$NONE"
		# shellcheck disable=SC2086
		misuse top $way -i "$NONE"
	done
	good "$WEIR" read -j -j "$FILES/good.pcap"
	read_frames 3
}

# What was taken of options before one was refused is freed: the sanitizer tells.
case_export_refused()
{
	misuse export
	misuse export --json "$FILES/out" --frobnicate
	misuse export --json "$FILES/out" extra
	good "$WEIR" export --json "$FILES/out" --check-config
	refuses 1 "$WEIR" export --config "$FILES/missing"
}

case_extra_arguments()
{
	misuse detach -i "$NONE" extra
	misuse status -i "$NONE" extra
}

# As tcpdump's or ip's users may have it: not a filter that libpcap cannot parse.
case_interface_as_word()
{
	local command

	for command in top show 'show hosts' attach detach status check packets set-filter; do
		# shellcheck disable=SC2086 # two words
		misuse $command lo
		[[ $ERR == *"-i lo"* ]] || fail "the line does not say how: $ERR"
	done
	misuse attach -i "$NONE" lo
	misuse export lo
	[[ $ERR == *"-i lo"* ]] || fail "the line does not say how: $ERR"
}

# Words at the end are a filter, a word alone may be a view.
case_filters()
{
	local good=$FILES/good.pcap

	misuse show hostz -i "$NONE"
	misuse top hostz -i "$NONE"
	misuse show hosts ports -i "$NONE"
	[[ $ERR == *"one view"* ]] || fail "the line does not say what is wrong: $ERR"
	misuse filter
	misuse filter -f tcp udp
	misuse read -f tcp "$good" -- udp
	misuse attach -i "$NONE" -f tcp -- udp
	misuse set-filter -i "$NONE"
	misuse set-filter -i "$NONE" --none tcp
	refuses 1 "$WEIR" filter tcp port
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	refuses 1 "$WEIR" filter ifname eth0
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	refuses 1 "$WEIR" filter -i "$NONE" tcp
	refuses 1 "$WEIR" read -f inbound "$good"
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	refuses 1 "$WEIR" set-filter -i "$NONE" tcp
	good "$WEIR" filter --link raw tcp port 443
	good "$WEIR" filter --egress -- vlan 5 and 'ether[2] - 1 > 3'
	good "$WEIR" filter -j ''
	same "JSON of no expression" "$(jq -c '[.link, .hook, (.classic | length)]' "$TMP/out")" \
		'["ethernet","xdp",1]'
}

# Everything tests/filters.txt has, with sanitizers if this is that binary.
case_filter_list()
{
	local line link=ethernet n=0
	local -a hook=()

	while IFS= read -r line; do
		case $line in
		'' | '#'*) continue ;;
		@*) link=${line#@} ;;
		*)
			n=$((n + 1))
			# Every seventh is enough here: tests/filter.c has them all.
			((n % 7 == 0)) || continue
			[[ $line != *'ip broadcast'* ]] || continue
			((n % 2)) && hook=(--egress) || hook=()
			[[ $line != '""' ]] || line=
			try "$WEIR" filter -j --link "${link/refused/ethernet}" "${hook[@]}" -- "$line"
			if [[ $link == refused ]]; then
				one_line
			else
				same "exit code of: $line" "$CODE" 0
			fi
			;;
		esac
	done <"$HERE/filters.txt"
	((n > 400)) || fail "only $n expressions"
}

case_read_filtered()
{
	local good=$FILES/good.pcap all some

	good "$WEIR" read -j "$good"
	all=$(jq .ledger.seen "$TMP/out")
	good "$WEIR" read -j "$good" -- udp
	some=$(jq .totals.packets "$TMP/out")
	same "seen" "$(jq .ledger.seen "$TMP/out")" "$all"
	same "filtered" "$(jq .ledger.filtered "$TMP/out")" $((all - some))
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	same "filter" "$(jq -r .filter "$TMP/out")" udp
	good "$WEIR" read -j -f 'not udp' "$good"
	same "the others" "$(jq .totals.packets "$TMP/out")" $((all - some))
}

case_no_arguments()
{
	try "$WEIR"
	same "exit code" "$CODE" 2
	[[ $ERR == *attach*detach* ]] || fail "it does not list its commands"
	silent_out
}

case_help()
{
	local command way

	for command in top show read attach detach status clean filter set-filter; do
		good "$WEIR" "$command" --help
		[[ $OUT == *"weir $command"* && ! $ERR ]] || fail "no help for $command"
	done
	for way in --help -h help; do
		good "$WEIR" "$way"
		[[ $OUT == *attach*detach* && ! $ERR ]] || fail "no help from $way"
	done
}

case_version()
{
	local way

	for way in --version -V version; do
		good "$WEIR" "$way"
		[[ $OUT =~ ^weir\ [0-9]+(\.[0-9]+)+$ && ! $ERR ]] || fail "$way says: $OUT"
	done
	good "$WEIR" --help
	[[ $OUT == *"weir version"* ]] || fail "the help does not say how to ask for it"
}

# ---- interfaces and privilege ----

case_no_interface()
{
	local command

	for command in show top attach detach status; do
		refuses 1 "$WEIR" "$command" -i "$NONE"
		[[ $ERR == *"$NONE"* ]] || fail "the line does not name the interface: $ERR"
		refuses 1 "$WEIR" "$command" -i a-name-that-is-much-too-long-for-an-interface
	done
}

case_no_privilege()
{
	((EUID == 0)) || skip "only root can become nobody"
	need setpriv
	cp "$WEIR" "$TMP/weir" && chmod 755 "$TMP/weir"
	refuses 1 timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/weir" "$@"
	[[ $ERR == *root* || $ERR == *privilege* ]] ||
		fail "the line does not say what is missing: $ERR"
	silent_out
}

# Capture files need none.
case_read_as_nobody()
{
	((EUID == 0)) || skip "only root can become nobody"
	need setpriv
	cp "$WEIR" "$TMP/weir" && chmod 755 "$TMP/weir"
	good setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/weir" read -j "$FILES/good.pcap"
	read_frames 3
}

# Plain files are read all the same.
case_no_libpcap()
{
	local words
	local -a way

	((EUID == 0)) || skip "only root can hide a library"
	need unshare
	good without_library libpcap "$WEIR" read -j "$FILES/good.pcap"
	read_frames 3
	for words in "read $FILES/good.pcapng" "read --filter tcp $FILES/good.pcap" "packets -r $FILES/good.pcap" \
		"filter tcp"; do
		read -r -a way <<<"$words"
		refuses 1 without_library libpcap "$WEIR" "${way[@]}"
		[[ $ERR == *": libpcap.so."*" (Debian: libpcap0.8) cannot be loaded: /"* ]] || fail "said: $ERR"
	done
}

make_files || exit 1
for f in good.pcap big-endian.pcap good.pcapng; do
	run_case "read $f" case_good "$FILES/$f"
done
run_case "read a file without records" intact "$FILES/no-records.pcap" 0
run_case "read a pcapng of two like interfaces" intact "$FILES/two-alike.pcapng" 2
run_case "read snapped frames" case_snapped
run_case "read standard input" case_stdin
run_case "read a pipe" case_stdin_pipe
run_case "read an empty standard input" case_stdin_empty
run_case "read with threads" case_threads "$FILES/good.pcap"
run_case "read several files" case_several_files
run_case "read several files, one missing" case_several_one_missing
run_case "read a missing file" hopeless "$FILES/missing"
run_case "read an empty file" hopeless "$FILES/empty"
for packed in 'gzip gz' 'zstd zst' 'xz xz' 'bzip2 bz2' 'lz4 lz4'; do
	# shellcheck disable=SC2086 # two words
	run_case "read what ${packed% *} made" case_packed $packed
done
run_case "read a text file" hopeless "$FILES/text"
run_case "read a directory" hopeless "$FILES"
run_case "read half a file header" hopeless "$FILES/short-header.pcap"
run_case "read an unreadable file" case_unreadable
run_case "read a file cut in a record" damaged "$FILES/cut-data.pcap" 2
run_case "read a file cut in a record's header" damaged "$FILES/cut-header.pcap" 2
run_case "read a pcapng cut in a block" damaged "$FILES/cut.pcapng" 2
run_case "read a record with caplen > len" damaged "$FILES/caplen-over-len.pcap" 2
run_case "read a record with a huge caplen" damaged "$FILES/caplen-huge.pcap" 2
run_case "read a record with a huge len" damaged "$FILES/len-huge.pcap" 2
run_case "read an unknown link type" case_unknown_link
run_case "read a pcapng of two link types" damaged "$FILES/two-links.pcapng" 2
run_case "JSON is JSON" json_is_json
run_case "JSON escapes a file's name" odd_name
run_case "CSV has headings and rows" case_csv
run_case "rows and order as asked" case_rows
run_case "a full disk is told" case_full
run_case "a closed pipe is no failure" case_closed_pipe
run_case "misuse: read without a file" misuse read
run_case "misuse: unknown command" misuse frobnicate
run_case "misuse: unknown options" case_unknown_options
run_case "misuse: two formats" case_two_formats
run_case "misuse: bad values" case_bad_values
run_case "misuse: bad --sort key" case_bad_sort
run_case "misuse: bad view" misuse show nonsense -i "$NONE"
run_case "misuse: arguments too many" case_extra_arguments
run_case "misuse: export" case_export_refused
run_case "misuse: nothing at all" case_no_arguments
run_case "misuse: an interface without -i" case_interface_as_word
run_case "filters, good and bad" case_filters
run_case "filters of the list are shown" case_filter_list
run_case "read with a filter" case_read_filtered
run_case "without libpcap" case_no_libpcap
run_case "help" case_help
run_case "version" case_version
run_case "no such interface" case_no_interface
run_case "no privilege to attach" case_no_privilege attach -i lo
run_case "no privilege to show" case_no_privilege show -i lo
run_case "no privilege to run top" case_no_privilege top -i lo -d 1
run_case "nobody can read files" case_read_as_nobody
exit 0
