# SPDX-License-Identifier: GPL-2.0
"""pcap.py FILE...: a line for each packet of classic capture files: time in ns, original length,
captured bytes in hex. Fails where a file is not all it should be. Knows nothing of weir."""
import struct
import sys


def packets(path):
    data = open(path, "rb").read()
    magic = data[:4].hex()
    order, unit = {"d4c3b2a1": ("<", 1000), "4d3cb2a1": ("<", 1), "a1b2c3d4": (">", 1000),
                   "a1b23c4d": (">", 1)}[magic]
    major, minor, _, _, snaplen, link = struct.unpack(order + "HHIIII", data[4:24])
    assert (major, minor) == (2, 4), "version"
    at = 24
    while at < len(data):
        seconds, part, captured, length = struct.unpack(order + "IIII", data[at:at + 16])
        at += 16
        assert captured <= length and captured <= snaplen and at + captured <= len(data), "record"
        assert part * unit < 1000000000, "time"
        yield seconds * 1000000000 + part * unit, length, data[at:at + captured].hex()
        at += captured


for name in sys.argv[1:]:
    for packet in packets(name):
        print(*packet)
