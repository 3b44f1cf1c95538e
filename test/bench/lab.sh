#!/bin/bash
# SPDX-License-Identifier: ISC
# lab.sh up|down|status - the three network namespaces of the benchmark (root needed).
#
#   pbcl 198.51.100.2 --- ext 198.51.100.1 pbfw 10.0.0.1 int --- 10.0.0.2 pbsv
#
# pbcl reaches 10.0.0.0/24 through pbfw, and pbsv reaches the client network through pbfw,
# so a box may be addressed at 198.51.100.1 or be transparent on the way to 10.0.0.2.
# Needs: scripts/deps bench.
set -eu

up() {
	down 2>/dev/null || true
	for n in pbcl pbfw pbsv; do
		ip netns add $n
		ip -n $n link set lo up
	done
	ip link add ext netns pbfw type veth peer name eth0 netns pbcl
	ip link add int netns pbfw type veth peer name eth0 netns pbsv
	ip -n pbcl addr add 198.51.100.2/24 dev eth0
	ip -n pbfw addr add 198.51.100.1/24 dev ext
	ip -n pbfw addr add 10.0.0.1/24 dev int
	ip -n pbsv addr add 10.0.0.2/24 dev eth0
	ip -n pbcl link set eth0 up
	ip -n pbfw link set ext up
	ip -n pbfw link set int up
	ip -n pbsv link set eth0 up
	ip -n pbcl route add default via 198.51.100.1
	ip -n pbsv route add default via 10.0.0.1
	for n in pbcl pbfw pbsv; do
		ip netns exec $n sysctl -qw net.ipv4.ip_local_port_range="1024 65535" \
			net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=16384
		# the same everywhere: reno is in every kernel and allowed in every namespace; without it
		# the figures would depend on the host's default (a pacing default such as bbr costs timers)
		ip netns exec $n sysctl -qw net.ipv4.tcp_congestion_control=${CC:-reno}
		ip netns exec $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	ip netns exec pbfw sysctl -qw net.ipv4.ip_forward=1
}

down() {
	for n in pbcl pbfw pbsv; do
		ip netns del $n 2>/dev/null || true
	done
}

# remove every rule a box may have left in pbfw
clean() {
	for t in filter nat mangle raw; do
		ip netns exec pbfw iptables -t $t -F 2>/dev/null || true
		ip netns exec pbfw iptables -t $t -X 2>/dev/null || true
	done
	ip netns exec pbfw nft flush ruleset 2>/dev/null || true
	while ip -n pbfw rule del fwmark 1 lookup 100 2>/dev/null; do :; done
	ip -n pbfw route flush table 100 2>/dev/null || true
	ip netns exec pbfw conntrack -F 2>/dev/null || true
}

case "${1:-}" in
up) up ;;
down) down ;;
clean) clean ;;
status) ip netns list | grep '^pb' && ip -n pbfw -br addr ;;
*) echo "usage: $0 up|down|clean|status" >&2; exit 2 ;;
esac
