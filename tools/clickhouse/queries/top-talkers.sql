-- SPDX-License-Identifier: GPL-2.0
-- Top talkers of the fleet in the last hour: bytes of L2 frames that an address sent and received.
-- A packet between two hosts that both run weir is seen leaving one and entering the other: so of an
-- address's two directions the greater one is taken. (A host that forwards sees it twice itself:
-- take its outer interface.) "hosts" is how many hosts saw the address.
SELECT
    addr,
    max(sent) AS sent_bytes,
    max(received) AS received_bytes,
    max(packets) AS packets_most,
    max(seen_by) AS hosts
FROM
(
    SELECT
        addr,
        direction,
        sum(sent_bytes) AS sent,
        sum(received_bytes) AS received,
        sum(sent_packets) + sum(received_packets) AS packets,
        uniq(host) AS seen_by
    FROM weir.talkers_by_minute
    WHERE minute >= now() - 3600 AND marker_run = 0
    GROUP BY addr, direction
)
GROUP BY addr
ORDER BY sent_bytes + received_bytes DESC, addr
LIMIT 20
