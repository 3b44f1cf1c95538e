#!/bin/bash
# SPDX-License-Identifier: ISC
#
# layers.sh TOP             each include obeys the plan of the house (DESIGN 3): uses go one way, and the pure
#                           modules use nothing of the system
# layers.sh --self-test
set -eu -o pipefail

# Lower may not use higher.
declare -A layer=([base]=0 [filter/smtp]=1 [rules]=2 [rules/load]=3 [rules/kernel]=3 [rules/kernel/run]=4 [filter/policy]=3 [filter/limits]=4 [filter/relay]=4 [log]=4 [filter/gate]=5 [proxy]=6 [proxy/relay]=7 [proxy/relay/key]=8 [proxy/relay/auth]=8 [proxy/relay/resolve]=8 [proxy/house]=9 [cli]=10)

# Folders in which every file is pure; in base those whose header says so.
pure_folders="filter/smtp rules rules/kernel filter/policy filter/relay"
# errno.h for the numbers alone: test/unit/pure.sh sees that nobody reads errno.
pure_headers="assert emmintrin errno stdalign stdatomic stdbool stddef stdint string"

pure_base() # FILE
{
	local header=${1%.*}.h
	[ -f "$header" ] || header=${1%_*}.h # msg_part.c: a part of msg.h's module
	[ ! -f "$header" ] || grep -q '^ \* Purity:' "$header"
}

declare -A purity # what is_pure has found out: yes or no

is_pure() # FILE
{
	local folder=${1%/*}
	[[ " $pure_folders " == *" $folder "* ]] && return 0
	[ "$folder" = base ] || return 1
	if [ -z "${purity[$1]-}" ]; then
		if pure_base "$1"; then purity[$1]=yes; else purity[$1]=no; fi
	fi
	[ "${purity[$1]}" = yes ]
}

complain() # FILE LINE-AND-INCLUDE WHY
{
	echo "${1}:${2%%:*}: ${2#*:}: $3"
	failed=1
}

own_include() # FILE LINE HEADER
{
	local from=${1%/*} to=${3%/*}
	if [ ! -f "$3" ]; then
		complain "$1" "$2" "no such header; write its folder"
	elif [ -z "${layer[$to]+x}" ]; then
		complain "$1" "$2" "$to is in no layer (test/unit/layers.sh lists them)"
	elif [ "${layer[$to]}" -gt "${layer[$from]}" ]; then
		complain "$1" "$2" "$from may not use $to, which stands above it"
	elif is_pure "$1" && ! is_pure "$3"; then
		complain "$1" "$2" "a pure module may not use one that is not"
	fi
}

system_include() # FILE LINE HEADER
{
	is_pure "$1" || return 0
	[[ " $pure_headers " == *" ${3%.h} "* ]] || complain "$1" "$2" "a pure module may not use the system"
}

included() # FILE LINE-AND-INCLUDE
{
	local name=${2#*[\"<]}
	case $2 in
	*\"*) own_include "$1" "$2" "${name%%\"*}" ;;
	*\<*) system_include "$1" "$2" "${name%%>*}" ;;
	esac
}

in_a_layer() # FILE
{
	[ -n "${layer[${1%/*}]+x}" ]
}

check() # TOP
{
	local file line files
	failed=0
	purity=()
	cd "$1"
	mapfile -t files < <(find base filter rules log proxy cli -name '*.[ch]' 2> /dev/null | sort)
	echo "${#files[@]} files"
	[ "${#files[@]}" -gt 0 ] || return 1
	for file in "${files[@]}"; do
		in_a_layer "$file" || complain "$file" "1:" "${file%/*} is in no layer (test/unit/layers.sh lists them)"
	done
	while IFS=: read -r file line; do
		! in_a_layer "$file" || included "$file" "$line"
	done < <(grep -HnE '^[[:space:]]*#[[:space:]]*include' "${files[@]}" || true)
	return $failed
}

# expect 0|1 NAME FILE TEXT
expect()
{
	local status=0 dir
	dir=$(mktemp -d)
	mkdir -p "$dir"/{base,rules/load,log,proxy,cli,filter/smtp,filter/policy}
	printf ' * Purity: none\n' > "$dir/base/span.h"
	printf '#include <unistd.h>\n' > "$dir/base/msg.h"
	printf '#include "base/span.h"\n' > "$dir/rules/rules.h"
	printf '#include "base/span.h"\n' > "$dir/filter/smtp/line.h"
	printf '%s\n' "$4" > "$dir/$3"
	(check "$dir") > "$dir/out" || status=1
	sed 's/^/    /' "$dir/out"
	rm -rf "$dir"
	if [ "$status" != "$1" ]; then
		echo "self-test: $2: status $status, not $1"
		exit 1
	fi
	echo "self-test: $2: as expected"
}

self_test()
{
	expect 0 "downward use" proxy/x.c '#include "rules/rules.h"'
	expect 1 "upward use" filter/smtp/x.c '#include "rules/rules.h"'
	expect 1 "base knows no mail" base/x.c '#include "filter/smtp/line.h"'
	expect 1 "no folder in the include" rules/x.c '#include "rules.h"'
	expect 1 "the system in a pure module" filter/smtp/x.c '#include <stdio.h>'
	expect 1 "an impure module in a pure one" rules/x.c '#include "base/msg.h"'
	expect 0 "the system in a part of a module" base/msg_part.c '#include <fcntl.h>'
	expect 0 "the system elsewhere" rules/load/x.c '#include <fcntl.h>'
	expect 1 "a folder in no layer" filter/x.c '#include <stddef.h>'
}

case ${1-} in
--self-test) self_test ;;
?*) check "$1" ;;
*)
	sed -n '4,6s/^# //p' "$0" >&2
	exit 64
	;;
esac
