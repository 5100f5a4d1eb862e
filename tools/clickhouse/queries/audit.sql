-- SPDX-License-Identifier: GPL-2.0
-- Does each host's flow records add up to its ledger, to the packet and the byte? Last day.
-- missing: records that the ledger has and flows has not (0; less than 0: there twice).
-- lost, dropped: what weir says no record will ever hold, and what it had to let go on the way.
SELECT
    host,
    sum(l_packets) AS packets,
    sum(l_bytes) AS bytes,
    sum(l_records) - sum(f_records) AS missing_records,
    sum(l_packets) - sum(f_packets) AS missing_packets,
    sum(l_bytes) - sum(f_bytes) AS missing_bytes,
    sum(lost) AS lost_packets,
    sum(dropped) AS dropped_packets
FROM
(
    SELECT
        host,
        toInt64(sum(packets)) AS l_packets, toInt64(sum(bytes)) AS l_bytes, toInt64(sum(records)) AS l_records,
        toInt64(0) AS f_packets, toInt64(0) AS f_bytes, toInt64(0) AS f_records,
        sum(lost_packets) AS lost, sum(dropped_packets) AS dropped
    FROM weir.ledger WHERE time >= now() - 86400 GROUP BY host
    UNION ALL
    SELECT
        host,
        toInt64(0), toInt64(0), toInt64(0),
        toInt64(sum(packets)), toInt64(sum(bytes)), toInt64(count()),
        toUInt64(0), toUInt64(0)
    FROM weir.flows WHERE time >= now() - 86400 GROUP BY host
)
GROUP BY host
ORDER BY host
