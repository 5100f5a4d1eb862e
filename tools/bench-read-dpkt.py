#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench-read-dpkt.py FILE: counts the flows of a capture, as scripts with dpkt do.

The kind of script that weir takes the place of, and tools/bench-read times: packets and bytes by
addresses, ports and protocol.
"""
import socket
import sys

import dpkt


def flow_of(frame):
    ip = dpkt.ethernet.Ethernet(frame).data
    if isinstance(ip, dpkt.ip.IP):
        family, proto = socket.AF_INET, ip.p
    elif isinstance(ip, dpkt.ip6.IP6):
        family, proto = socket.AF_INET6, ip.nxt
    else:
        return None
    l4 = ip.data
    ports = (l4.sport, l4.dport) if isinstance(l4, (dpkt.tcp.TCP, dpkt.udp.UDP)) else (0, 0)
    return socket.inet_ntop(family, ip.src), socket.inet_ntop(family, ip.dst), proto, *ports


def main():
    flows = {}
    packets = 0
    with open(sys.argv[1], "rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            packets += 1
            key = flow_of(frame)
            if key:
                count = flows.setdefault(key, [0, 0])
                count[0] += 1
                count[1] += len(frame)
    print(packets, "packets,", len(flows), "flows")


main()
