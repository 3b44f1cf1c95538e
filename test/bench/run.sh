#!/bin/bash
# SPDX-License-Identifier: ISC
# run.sh - measure middle boxes side by side and print one table.
#
#   ./run.sh                                 every box, every workload, 5 rounds of 2.5 s (root needed)
#   ./run.sh -r 7 -d 3 -w "W1 W3" -b "route haproxy floor-scan"
#   ./run.sh -x 'mine|198.51.100.1:2525|path/to/box --listen 198.51.100.1:2525 --to 10.0.0.2:25'
#   ./run.sh -t FILE                         only print the table of an earlier raw file
#   ./run.sh -p perf -r 1 -w W2 -b postern   also leave a profile in out/W2-postern.perf (or -p strace: a
#                                            count of system calls); the figures of such a run mean nothing
#
# A NEW BOX is one more file boxes/NN-name.box (see the others) or one -x option:
#   DESC="text"; TARGET=addr:port the client connects to (default $LISTEN); NEED="command:where-from ..."
#   box_start() { spawn COMMAND...; }        runs in namespace pbfw; CPU and memory are counted
#                                            (aside COMMAND... runs there too, but is not counted)
#   box_stop()  { ... }                      optional; processes and iptables/nft rules go by themselves
#   SKIP="W5"                                workloads this box cannot do
#   MAXC=6                                   most sessions at once this box can take
#   TLS="T1 T2 T3 T4 T5"                     workloads with TLS that it can do: T3 is STARTTLS at $LISTEN, the
#                                            others are TLS from the first octet at $TLS_LISTEN
# Variables a box may use: $SERVER (backend), $LISTEN and $TLS_LISTEN (address and port on the client side),
# $CERT and $KEY (PEM; ECDSA P-256, or RSA of 2048 bits with KEYS=rsa),
# $BENCH (this folder), $RUN (scratch folder), ipt (iptables in pbfw).
#
# Rounds are interleaved: in each round every box runs each workload once, in an order that rotates;
# ratios are taken inside a round and their median is printed.
# Needs: scripts/deps bench, and the packages the boxes name; boxes whose package is missing are left
# out with a note. The boxes of Postern take the programs of the build folder $POSTERN_BUILD (default:
# build beside test).
set -u

BENCH=$(cd "$(dirname "$0")" && pwd)
SRC=$(cd "$BENCH/../.." && pwd)
POSTERN_BUILD=${POSTERN_BUILD:-$SRC/build}
PATH=$POSTERN_BUILD/proxy:$BENCH:$PATH
SERVER=10.0.0.2:25
LISTEN=198.51.100.1:2525
TLS_LISTEN=198.51.100.1:2465
HZ=$(getconf CLK_TCK)
IDLE=${IDLE:-5000}   # sessions held open in W5
QUIET=${QUIET:-6}     # percent of the machine other work may use before a run is repeated

rounds=5 secs=2.5 wls="W1 W2 W2n W3 W4 W5 W6" only="" out="$BENCH/out" extra=() table="" profiler=""
while getopts "r:d:w:b:o:x:t:p:h" o; do
	case $o in
	r) rounds=$OPTARG ;;
	d) secs=$OPTARG ;;
	w) wls=$OPTARG ;;
	b) only=$OPTARG ;;
	o) out=$OPTARG ;;
	x) extra+=("$OPTARG") ;;
	t) table=$OPTARG ;;
	p) profiler=$OPTARG ;;
	*) sed -n '3,31s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
done

# workload -> arguments of smtpload
wl_args() {
	case $1 in
	W1) echo "-c 50 -m 1 -s 4096" ;;          # many short sessions
	W2) echo "-c 20 -m 100 -s 4096" ;;        # long sessions
	W2n) echo "-c 20 -m 100 -s 4096 -p 0" ;;  # the same, no pipelining
	W2p) echo "-c 20 -m 100 -s 4096 -p 2" ;;  # the same, as much pipelining as the RFC allows
	W3) echo "-c 8 -m 1 -s 10485760" ;;       # large messages
	W4) echo "-c 100 -m 0" ;;                 # connect, EHLO, QUIT
	W5) echo "-c 20 -m 100 -s 4096" ;;        # W2 while $IDLE sessions idle
	W6) echo "-c 1 -m 100 -s 4096" ;;         # one session at a time: latency added
	T1) echo "-T tls -c 50 -m 0" ;;           # TLS, full handshakes: connect, EHLO, QUIT
	T2) echo "-T tls -R -c 50 -m 0" ;;        # the same, each TLS session resumed
	T3) echo "-T starttls -c 50 -m 1 -s 4096" ;; # STARTTLS, one message
	T4) echo "-T tls -c 20 -m 100 -s 4096" ;; # long sessions inside TLS
	T5) echo "-T tls -c 20 -m 100 -s 4096" ;; # T4 while a fifth of $IDLE sessions idle inside TLS
	*) echo "unknown workload $1" >&2; exit 2 ;;
	esac
}

# ---------------------------------------------------------------- table
print_table() {
	awk -F'\t' '
	function med(s,   a, n, i, j, t) {
		n = split(s, a, " ")
		if (!n) return ""
		for (i = 2; i <= n; i++) { t = a[i] + 0; for (j = i - 1; j && a[j] + 0 > t; j--) a[j+1] = a[j]; a[j+1] = t }
		lo = a[1]; hi = a[n]
		return n % 2 ? a[(n+1)/2] : (a[n/2] + a[n/2+1]) / 2
	}
	function f(x) { return x == "" ? "-" : x >= 1000 ? sprintf("%.0f", x) : x >= 100 ? sprintf("%.1f", x) : sprintf("%.3g", x) }
	$1 == "#" || $1 == "round" { next }
	{
		r = $1; w = $2; b = $3; k = w SUBSEP b
		if (!(w in seenw)) { seenw[w] = 1; W[++nw] = w }
		if (!(b in seenb)) { seenb[b] = 1; B[++nb] = b }
		# latency workload: compare 1/latency so that "more is better" holds everywhere
		rate[r, k] = $4; cpu[r, k] = $9; R[k] = R[k] " " $4; MB[k] = MB[k] " " $5
		C[k] = C[k] " " $9; S[k] = S[k] " " $10; P50[k] = P50[k] " " $11; P99[k] = P99[k] " " $12
		Q99[k] = Q99[k] " " $13; M[k] = M[k] " " $14; I[k] = I[k] " " $15; K[k] = K[k] " " $16
		E[k] += $17; L[k] += $18; F[k] = F[k] " " $19; N[k]++
		if (r > maxr) maxr = r
	}
	END {
		for (i = 1; i <= nw; i++) {
			w = W[i]
			unit = w == "W4" || w == "T1" || w == "T2" ? "conn" : "msg"
			printf "\n%s\n", w
			printf "%-16s %9s %17s %8s %8s %10s %8s %11s %9s %9s %9s %9s %9s %6s %5s\n", "box", unit "/s", "min-max", "x route", "x haprx", "boxCPU", "x haprx", "allCPU", "p50 ms", "p99 ms", "conn p99", "RSS MiB", w ~ /5/ ? "KiB/idle" : "MB/s", "other%", "err"
			for (j = 1; j <= nb; j++) {
				b = B[j]; k = w SUBSEP b
				if (!N[k]) continue
				qr = qh = qc = ""
				for (r = 1; r <= maxr; r++) {
					if (!((r, k) in rate)) continue
					x = rate[r, w, "route"]; if (x > 0) qr = qr " " rate[r, k] / x
					x = rate[r, w, "haproxy"]; if (x > 0) qh = qh " " rate[r, k] / x
					x = cpu[r, w, "haproxy"]; if (x > 0) qc = qc " " cpu[r, k] / x
				}
				m = med(R[k]); mm = f(lo) "-" f(hi)
				printf "%-16s %9s %17s %8s %8s %10s %8s %11s %9s %9s %9s %9s %9s %6s %5s\n", b, f(m), mm, f(med(qr)), f(med(qh)), f(med(C[k])), f(med(qc)), f(med(S[k])), f(med(P50[k])/1000), f(med(P99[k])/1000), f(med(Q99[k])/1000), f(med(M[k])/1024), f(w ~ /5/ ? med(I[k]) : med(MB[k])), f(med(F[k])), E[k] (L[k] ? "!" : "")
			}
		}
		print "\nboxCPU: CPU seconds of the box per 1000 " "messages (W4, T1, T2: connections); allCPU: of the whole machine, client and"
		print "server included. RSS: peak, summed over the processes of the box. KiB/idle: resident memory per idle"
		print "session. other%: share of the machine that other work or the hypervisor took (above $QUIET: repeated)."
		print "p50, p99: of a message from MAIL to the final reply (W4: of a connection). x route, x haprx: median of"
		print "the ratios within each round to plain routing and to the row named haproxy (rate, then CPU). err: SMTP or socket"
		print "errors in all rounds; \"!\": the server counted other than the client."
	}' "$1"
}
if [ -n "$table" ]; then print_table "$table"; exit; fi

# ---------------------------------------------------------------- helpers of the boxes
in_fw() { ip netns exec pbfw "$@"; }
ipt() { in_fw iptables "$@"; }
spawn() { ip netns exec pbfw "$@" >>$RUN/box.log 2>&1 </dev/null & BOX_PIDS+=($!); } # execs: $! is the box itself
aside() { ip netns exec pbfw "$@" >>$RUN/box.log 2>&1 </dev/null & OTHER_PIDS+=($!); sleep 0.1; }

haproxy_conf() { # extra defaults, bind options, server options, extra global
	cat > $RUN/haproxy.cfg <<-E
	global
	  maxconn 7000
	  ${4:-}
	defaults
	  mode tcp
	  timeout connect 10s
	  timeout client 600s
	  timeout server 600s
	  ${1:-}
	frontend f
	  bind ${2:+0.0.0.0:}$([ -n "${2:-}" ] && echo "${LISTEN#*:} $2" || echo "$LISTEN") backlog 8192
	  default_backend b
	backend b
	  ${3:-}
	  server s $SERVER
	E
}

# A folder in $PN with postern.conf, which says $1 beside the usual; rules.conf is the caller's.
postern_folder() {
	mkdir -p "$BENCH/out" # not $RUN: that may be a tmpfs, and the log is to meet a disk
	PN=$(mktemp -d "$BENCH/out/postern.XXXXXX")
	chmod 755 "$PN"
	cat >"$PN/postern.conf" <<-E
	version 1
	$1
	user nobody
	hostname gw.example
	state "$PN/state"
	E
}
# One rule, whose statements beside external and internal are $1; $2 is what postern.conf says of its mode (direct). What a
# server for the whole Internet would never allow one client is allowed here, since all load comes from one address.
postern_start() {
	local timeouts="command 10m, idle 10m, total 1h"
	[[ $1 != pass* ]] || timeouts="idle 10m, total 1h"
	postern_folder "${2:-mode direct}"
	cat >"$PN/rules.conf" <<-E
	version 1
	set bench-domains { members server.example }
	publish bench {
	    external $LISTEN
	    internal $SERVER
	    $1
	    limit connections 7000 per client, 8000 total
	    limit rate 1000000 per 1s per client
	    timeout $timeouts
	}
	E
	spawn posternd -c "$PN" -f
}
postern_stop() {
	stop_pids "${BOX_PIDS[@]}"
	BOX_PIDS=()
	[ -z "${PN:-}" ] || rm -rf "$PN"
}

# A Postfix of its own in $RUN: smtpd at $LISTEN, and at $TLS_LISTEN where there is a key, with the options $1.
postfix_start() {
	local pf=$RUN/pf queues="active bounce corrupt defer deferred flush hold incoming private saved trace maildrop public"
	mkdir -p $pf/etc $pf/spool $pf/data
	chmod 755 $RUN $pf $pf/*
	cat >$pf/etc/main.cf <<-E
	compatibility_level = 3.6
	queue_directory = $pf/spool
	data_directory = $pf/data
	mail_owner = postfix
	setgid_group = postdrop
	myhostname = gw.example
	mydestination =
	mynetworks = 198.51.100.0/24
	inet_protocols = ipv4
	local_recipient_maps =
	relay_domains = server.example
	relayhost = [${SERVER%:*}]:${SERVER#*:}
	smtpd_relay_restrictions = permit_mynetworks, reject
	smtpd_recipient_restrictions = permit_mynetworks, reject
	smtpd_peername_lookup = no
	smtpd_client_connection_count_limit = 0
	smtpd_client_connection_rate_limit = 0
	message_size_limit = 104857600
	maillog_file_prefixes = $RUN
	maillog_file = $pf/maillog
	default_process_limit = 120
	smtp_tls_security_level = none
	E
	local smtpd="inet n - n - 120 smtpd $1 -o smtpd_authorized_xforward_hosts="
	echo "$LISTEN $smtpd" >$pf/etc/master.cf
	if [ -r "$CERT" ]; then
		cat >>$pf/etc/main.cf <<-E
		smtpd_tls_chain_files = $KEY, $CERT
		smtpd_tls_security_level = may
		E
		echo "$TLS_LISTEN $smtpd -o smtpd_tls_wrappermode=yes" >>$pf/etc/master.cf
	fi
	cat >>$pf/etc/master.cf <<-E
	postlog unix-dgram n - n - 1 postlogd
	anvil unix - - n - 1 anvil
	rewrite unix - - n - - trivial-rewrite
	proxymap unix - - n - - proxymap
	cleanup unix n - n - 0 cleanup
	qmgr unix n - n 300 1 qmgr
	tlsmgr unix - - n 1000? 1 tlsmgr
	bounce unix - - n - 0 bounce
	defer unix - - n - 0 bounce
	smtp unix - - n - - smtp
	relay unix - - n - - smtp
	E
	(cd $pf/spool && mkdir -p $queues pid && chown postfix $queues && chgrp postdrop maildrop public &&
		chmod 1730 maildrop && chmod 2710 public)
	chown postfix $pf/data
	spawn /usr/lib/postfix/sbin/master -c $pf/etc -d
}

# postern.conf of a host on which posternd itself makes the kernel's rules; one address sends all first packets
managed() { # redirect|tproxy
	printf 'mode managed\nintercept %s\nfirst-packets 100000 per second' "$1"
}

# what scripts/lab does for "mode external": $LISTEN by redirect or tproxy to posternd, the way back, the standing drop
postern_rules() {
	local mark=0x00500000/0x00f00000 link
	ipt -A FORWARD -i ext -p tcp --dport ${SERVER#*:} -j DROP
	for link in ext int; do ip -n pbfw rule add iif $link fwmark $mark lookup 100; done
	ip -n pbfw route add local default dev lo table 100
	ipt -t mangle -A PREROUTING -i int -p tcp -m socket --transparent -j MARK --set-xmark $mark
	case $1 in
	redirect)
		ipt -A INPUT -p tcp --dport 10525 -m conntrack ! --ctstate DNAT -j DROP
		ipt -t nat -A PREROUTING -i ext -d ${LISTEN%:*} -p tcp --dport ${LISTEN#*:} -j REDIRECT --to-ports 10525 ;;
	tproxy)
		ipt -A INPUT -p tcp --dport 10525 -j DROP
		ipt -t mangle -A PREROUTING -i ext -d ${LISTEN%:*} -p tcp --dport ${LISTEN#*:} \
			-j TPROXY --on-port 10525 --tproxy-mark $mark ;;
	esac
}

tproxy_rules() { # local port
	ip -n pbfw rule add fwmark 1 lookup 100
	ip -n pbfw route add local 0.0.0.0/0 dev lo table 100
	ipt -t mangle -N DIVERT
	ipt -t mangle -A DIVERT -j MARK --set-mark 1
	ipt -t mangle -A DIVERT -j ACCEPT
	ipt -t mangle -A PREROUTING -p tcp -m socket --transparent -j DIVERT
	ipt -t mangle -A PREROUTING -i ext -p tcp --dport ${SERVER#*:} -j TPROXY --on-port $1 --tproxy-mark 1
}

# ---------------------------------------------------------------- sampling
tree() { # pids and all their descendants
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (.*) /\1 /' | awk -v roots="$*" '
	{ pp[$1] = $3 } END {
		n = split(roots, a, " "); for (i = 1; i <= n; i++) if (a[i] in pp) t[a[i]] = 1
		do { more = 0; for (p in pp) if (!(p in t) && (pp[p] in t)) { t[p] = 1; more = 1 } } while (more)
		for (p in t) printf "%s ", p }'
}
ticks() { # CPU ticks of the trees, reaped children included
	[ $# -gt 0 ] || { echo 0; return; }
	local t; t=$(tree "$@")
	for p in $t; do cat /proc/$p/stat 2>/dev/null; done | sed 's/^\([0-9]*\) (.*) /\1 /' |
		awk '{ s += $13 + $14 + $15 + $16 - 0 } END { print s + 0 }'
}
mem_kb() { # field of /proc/PID/status summed over the trees
	local f=$1; shift
	[ $# -gt 0 ] || { echo 0; return; }
	for p in $(tree "$@"); do cat /proc/$p/status 2>/dev/null; done | awk -v f="$f:" '$1 == f { s += $2 } END { print s + 0 }'
}
steal() { awk '/^cpu / { print $9 }' /proc/stat; }
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }
slab_kb() { awk '/^Slab:/ { print $2 }' /proc/meminfo; }
get() { local k=$1 l=$2; l=${l#*$k=}; [ "$l" = "$2" ] && echo 0 || echo "${l%% *}"; }

# watch what the box does while it is under load; its text lands in $out
profile_start() {
	PROFILER=""
	local pids; pids=$(tree "${BOX_PIDS[@]}" | sed 's/ *$//; s/ /,/g')
	case $profiler in
	perf) perf record -q -F 1999 -g -o $RUN/perf.data -p "$pids" >/dev/null 2>&1 & PROFILER=$! ;;
	strace) strace -c -f -q -o "$out/$wl-$name.strace" -p "$pids" >/dev/null 2>&1 & PROFILER=$! ;;
	esac
	[ -z "$profiler" ] || sleep 0.3
}
profile_stop() {
	[ -n "$PROFILER" ] || return 0
	kill -INT $PROFILER 2>/dev/null; wait $PROFILER 2>/dev/null
	[ $profiler != perf ] || perf report -i $RUN/perf.data --stdio --no-children -g none >"$out/$wl-$name.perf" 2>/dev/null
}

stop_pids() {
	local p i
	for p in "$@"; do kill -TERM $p 2>/dev/null; done
	for p in "$@"; do
		for i in $(seq 60); do kill -0 $p 2>/dev/null || break; sleep 0.05; done
		kill -KILL $p 2>/dev/null
		wait $p 2>/dev/null
	done
}

# one measurement in a subshell of its own: round, workload, name, box file or "cmd:..."
measure() (
	round=$1 wl=$2 name=$3 file=$4
	RUN=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
	BOX_PIDS=() OTHER_PIDS=() SINK="" IDLER="" TARGET=$LISTEN SKIP="" DESC="" MAXC="" TLS=""
	CERT=$out/cert-${KEYS:-ec}.pem KEY=$out/key-${KEYS:-ec}.pem
	box_start() { :; }
	box_stop() { :; }
	cleanup() {
		[ -n "$IDLER" ] && stop_pids $IDLER
		box_stop
		stop_pids "${BOX_PIDS[@]}" "${OTHER_PIDS[@]}"
		[ -n "$SINK" ] && stop_pids $SINK
		rm -rf "$RUN"
	}
	trap cleanup EXIT
	trap 'exit 1' INT TERM
	case $file in
	cmd:*) spec=${file#cmd:}; box_start() { spawn sh -c "exec $spec"; }; TARGET=$5 ;;
	*) . "$file" ;;
	esac
	case " $SKIP " in *" $wl "*) exit 0 ;; esac
	case $wl in
	T3) tls="-T starttls" ;;
	T*) tls="-T tls" TARGET=$TLS_LISTEN ;;
	*) tls="" ;;
	esac
	[ -z "$tls" ] || case " $TLS " in *" $wl "*) ;; *) exit 0 ;; esac

	# fresh namespaces each time: no rules, conntrack entries or TIME-WAIT sockets of the box before
	# (a transparent box leaves TIME-WAIT sockets that make the gateway drop forwarded packets)
	"$BENCH/lab.sh" up || exit 0
	sleep 0.3
	ip netns exec pbsv "$BENCH/smtpsink" -l $SERVER -T 300 >$RUN/sink.out 2>&1 &
	SINK=$!
	box_start
	load() { ip netns exec pbcl timeout -k 2 120 "$BENCH/smtpload" -t $TARGET "$@" 2>>$RUN/load.err; }
	ok=0 t0=$SECONDS
	for i in $(seq 50); do
		line=$(timeout 4 ip netns exec pbcl "$BENCH/smtpload" -t $TARGET $tls -c 1 -m 1 -n 1 -d 1 2>>$RUN/load.err) && { ok=1; break; }; [ $SECONDS -lt $((t0 + 20)) ] || break
		sleep 0.1
	done
	if [ $ok = 0 ]; then
		echo "$name $wl: box does not answer; its output follows" >&2
		tail -5 $RUN/box.log >&2; tail -3 $RUN/load.err >&2
		exit 0
	fi
	: >$RUN/load.err
	probe=$(get msgs "$line")
	args=$(wl_args $wl)
	[ -z "$MAXC" ] || args=$(echo "$args" | awk -v m=$MAXC '{ for (i = 1; i < NF; i++) if ($i == "-c" && $(i+1) > m) $(i+1) = m; print }')
	idle_kb="" slab=""
	[ $wl != T5 ] || IDLE=$((IDLE / 5))
	if [[ $wl = ?5 ]]; then
		r0=$(mem_kb VmRSS "${BOX_PIDS[@]}"); s0=$(slab_kb)
		: >$RUN/idle.out
		ip netns exec pbcl "$BENCH/smtpload" -t $TARGET $tls -c $IDLE -i -d 100 >$RUN/idle.out 2>>$RUN/load.err &
		IDLER=$!
		for i in $(seq 600); do grep -q 'idle ready' $RUN/idle.out && break; sleep 0.1; done
		sleep 0.3
		r1=$(mem_kb VmRSS "${BOX_PIDS[@]}"); s1=$(slab_kb)
		held=$(get ready "$(head -1 $RUN/idle.out)")
		[ "${held:-0}" -gt 0 ] || held=1
		idle_kb=$(awk -v a=$r0 -v b=$r1 -v n=$held 'BEGIN { printf "%.3f", (b - a) / n }')
		slab=$(awk -v a=$s0 -v b=$s1 -v n=$held 'BEGIN { printf "%.3f", (b - a) / n }')
	fi
	total=$(get msgs "$(load $args -d 0.3)")
	# other work on the machine spoils a run: repeat it (twice at most), keep the quietest
	best=1000000
	for try in 1 2 3; do
		c0=$(ticks "${BOX_PIDS[@]}"); o0=$(ticks $SINK $IDLER "${OTHER_PIDS[@]}"); b0=$(busy) t0=$(steal)
		profile_start
		l=$(load $args -d $secs)
		profile_stop
		b1=$(busy) t1=$(steal); o1=$(ticks $SINK $IDLER "${OTHER_PIDS[@]}"); c1=$(ticks "${BOX_PIDS[@]}")
		total=$((total + $(get msgs "$l")))
		foreign=$(awk -v all=$((b1 - b0)) -v st=$((t1 - t0)) -v own=$((c1 - c0 + o1 - o0)) -v load=$(get cpu_s "$l") -v h=$HZ \
			-v n=$(nproc) -v s=$(get secs "$l") 'BEGIN { x = (all - own - load * h); x = ((x < 0 ? 0 : x) + st) / (h * n * (s > 0 ? s : 1)) * 100; printf "%d", x * 10 }')
		if [ $foreign -lt $best ]; then
			best=$foreign line=$l box=$((c1 - c0)) all=$((b1 - b0))
		fi
		[ $best -gt $((QUIET * 10)) ] || break
		[ $(get errs "$l") = 0 ] || break
		sleep 1
	done
	peak=$(mem_kb VmHWM "${BOX_PIDS[@]}")
	msgs=$(get msgs "$line"); conns=$(get conns "$line"); errs=$(get errs "$line")
	[ -n "$line" ] || errs=1
	if [[ $wl = ?5 ]]; then
		[ "$held" -eq "$IDLE" ] || errs=$((errs + IDLE - held))
		kill -TERM $IDLER 2>/dev/null; wait $IDLER 2>/dev/null; IDLER=""
		closed=$(get closed "$(tail -1 $RUN/idle.out)")
		[ "$closed" -eq "$IDLE" ] || errs=$((errs + IDLE - closed))
	fi
	[ $wl != T2 ] || [ "$(get resumed "$line")" -ge $((conns * 9 / 10)) ] || # what it says it measures
		echo "$name T2: only $(get resumed "$line") of $conns TLS sessions were resumed" >&2
	n=$msgs rate=$(get msgs_s "$line")
	lat=msg
	[[ $wl = @(W4|T1|T2) ]] && n=$conns rate=$(get conns_s "$line") lat=conn
	[ "$n" -gt 0 ] || n=1
	[ -s $RUN/load.err ] && head -3 $RUN/load.err | sed "s/^/$name $wl: /" >&2
	kill -TERM $SINK; wait $SINK 2>/dev/null; SINK=""
	lost=$(($(get msgs "$(cat $RUN/sink.out)") != probe + total))
	per() { awk -v t=$1 -v h=$HZ -v n=$n 'BEGIN { printf "%.5f", t / h / n * 1000 }'; }
	printf '%s\t' $round $wl $name "$rate" "$(get mb_s "$line")" "$msgs" "$conns" "$(get secs "$line")" \
		"$(per $box)" "$(per $all)" "$(get ${lat}_p50_us "$line")" "$(get ${lat}_p99_us "$line")" \
		"$(get conn_p99_us "$line")" "$peak" "${idle_kb:-0}" "${slab:-0}" "$errs"
	printf '%s\t%s\n' "$lost" "$(awk -v x=$best 'BEGIN { printf "%.1f", x / 10 }')"
)

# ---------------------------------------------------------------- main
[ "$(id -u)" = 0 ] || { echo "run.sh: root is needed for network namespaces" >&2; exit 1; }
for c in ip:iproute2 iptables:iptables nft:nftables conntrack:conntrack sysctl:procps make:make gcc:gcc; do
	command -v ${c%%:*} >/dev/null || { echo "run.sh: needs ${c%%:*} (Debian package ${c##*:})" >&2; exit 1; }
done
make -s -C "$BENCH" || exit 1
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
NOFILE=$(ulimit -n)
[ "$NOFILE" -ge 16000 ] || echo "run.sh: only $NOFILE descriptors per process: W5 will show errors" >&2
exec 9>/run/lock/postern-bench
flock -n 9 || { echo "run.sh: another run is going on; its namespaces have the same names" >&2; exit 1; }
mkdir -p "$out"
make_keys() { # one pair for all boxes, for two days
	local kind=(ec -pkeyopt ec_paramgen_curve:P-256)
	[ "${KEYS:-ec}" = ec ] || kind=(rsa:2048)
	openssl req -x509 -newkey "${kind[@]}" -nodes -days 2 -subj /CN=gw.example -out "$out/cert-${KEYS:-ec}.pem" \
		-keyout "$out/key-${KEYS:-ec}.pem" 2>/dev/null
}
case " $wls " in *" T"*) make_keys || { echo "run.sh: openssl(1) makes no key" >&2; exit 1; } ;; esac
raw="$out/raw-$(date +%Y%m%d-%H%M%S).tsv"
names=() files=() targets=()
for f in "$BENCH"/boxes/*.box; do
	n=$(basename "$f" .box); n=${n#*-}
	if [ -n "$only" ]; then case " $only " in *" $n "*) ;; *) continue ;; esac; fi
	miss=""
	for need in $(sed -n 's/^NEED="\(.*\)"$/\1/p' "$f"); do
		case $need in *:*) command -v "${need%%:*}" >/dev/null || miss=$need ;; esac
	done
	[ -z "$miss" ] || { echo "$n: left out: needs ${miss%%:*} (from ${miss##*:})" >&2; continue; }
	names+=("$n"); files+=("$f"); targets+=("")
done
for x in "${extra[@]}"; do
	IFS='|' read -r n t c <<<"$x"
	names+=("$n"); files+=("cmd:$c"); targets+=("$t")
done
[ ${#names[@]} -gt 0 ] || { echo "no box chosen" >&2; exit 2; }

trap '"$BENCH/lab.sh" down' EXIT
trap 'exit 1' INT TERM
printf '#\tkernel %s, %s CPUs, %s; %s rounds of %s s\n' "$(uname -r)" "$(nproc)" "$(date +%F)" $rounds $secs >"$raw"
printf 'round\twl\tbox\trate\tmb_s\tmsgs\tconns\tsecs\tboxcpu_per_k\tallcpu_per_k\tp50_us\tp99_us\tconn_p99_us\tpeak_kb\tidle_kb\tslab_kb\terrs\tmiscount\tforeign_pct\n' >>"$raw"
total=${#names[@]}
for r in $(seq $rounds); do
	q0=$(busy); sleep 1; q1=$(busy)
	printf '#\tround %s: machine used %s CPU ticks of %s in a quiet second\n' $r $((q1 - q0)) $((HZ * $(nproc))) >>"$raw"
	for w in $wls; do
		for i in $(seq 0 $((total - 1))); do
			k=$(((i + r - 1) % total))
			measure $r $w "${names[$k]}" "${files[$k]}" "${targets[$k]}" >>"$raw"
		done
	done
	echo "round $r of $rounds done" >&2
done
grep '^#' "$raw" | cut -f2-
print_table "$raw"
echo "raw figures: ${raw#"$BENCH"/}" >&2
