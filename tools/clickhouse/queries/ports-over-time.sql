-- SPDX-License-Identifier: GPL-2.0
-- Traffic of the fleet by service port and minute, last hour: the ten ports with the most bytes.
SELECT
    minute,
    proto,
    port,
    sum(bytes) AS l2_bytes,
    sum(packets) AS l2_packets,
    round(sum(bytes) * 8 / 60) AS bits_per_second
FROM weir.ports_by_minute
WHERE minute >= now() - 3600 AND marker_run = 0 AND (proto, port) GLOBAL IN
(
    SELECT proto, port
    FROM weir.ports_by_minute
    WHERE minute >= now() - 3600 AND marker_run = 0
    GROUP BY proto, port
    ORDER BY sum(bytes) DESC
    LIMIT 10
)
GROUP BY minute, proto, port
ORDER BY minute, l2_bytes DESC, proto, port
