#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# Manual pages and bash completion: each option that --help of a command lists is in both, and the
# completion completes.
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

# COMMAND: its options as --help lists them, short ones too.
options_of()
{
	"$build/weir" "$1" --help | sed -nE 's/^  (-(.), )?(--[a-z0-9-]+).*/\3\n-\2/p' | grep -v '^-$'
}

# Words that the completion offers: the last one is being typed.
complete_words()
{
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
		_weir weir "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$TMP/man/weir.bash" "$@"
}

pages()
{
	need scdoc
	good tools/manpages "$build/weir" "$TMP/man"
	same "pages" "$(find "$TMP/man" -name 'weir-*.8' | wc -l)" "$("$build/weir" --help | grep -c '^  weir ')"
}

everything_is_there()
{
	local command option page n=0

	pages
	for command in $("$build/weir" help --list); do
		page=$(sed 's/\\-/-/g; s/\\f.//g; s/\\&//g; s/\\//g' "$TMP/man/weir-$command.8")
		complete_words weir "$command" - >"$TMP/offered"
		for option in $(options_of "$command"); do
			grep -Eq -- "(^|, )$option( |,|\$)" <<<"$page" || fail "the page of $command lacks $option"
			grep -qx -- "$option" "$TMP/offered" || fail "completion of $command lacks $option"
			n=$((n + 1))
		done
		grep -q "weir-$command" "$TMP/man/weir.8" || fail "weir(8) lacks $command"
		complete_words weir '' >"$TMP/offered"
		grep -qx -- "$command" "$TMP/offered" || fail "completion lacks $command"
	done
	((n > 60)) || fail "found but $n options"
}

pages_are_clean()
{
	local page

	need man
	pages
	for page in "$TMP"/man/*.8; do
		LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$page" >"$TMP/text" 2>"$TMP/warned"
		[[ ! -s $TMP/warned ]] || fail "${page##*/}: $(<"$TMP/warned")"
		grep -q DESCRIPTION "$TMP/text" || [[ ! -e tools/man/$(basename "$page" .8).scd ]] || fail "${page##*/} has no description"
	done
}

completes()
{
	pages
	same "values of --mode" "$(complete_words weir export --mode s)" skb
	same "views" "$(complete_words weir show por)" ports
	same "views of files" "$(complete_words weir read por)" ports
	same "what is no view" "$(complete_words weir packets -)" "$(complete_words weir packets -i lo -)"
	same "options as words" "$(complete_words weir packets I)" ''
	complete_words weir attach -i '' >"$TMP/offered"
	grep -qx lo "$TMP/offered" || fail "no interfaces: $(complete_words weir attach -i '')"
	same "a value that cannot be known" "$(complete_words weir show -n '')" ''
	cd "$TMP" && touch a-capture.pcap
	same "files" "$(complete_words weir read a-c)" a-capture.pcap
}

run_case 'every option of every command is in its page and in the completion' everything_is_there
run_case 'the pages are clean' pages_are_clean
run_case 'the completion completes' completes
exit 0
