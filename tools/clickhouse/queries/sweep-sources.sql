-- SPDX-License-Identifier: GPL-2.0
-- Addresses that sent SYNs, and never more, to many addresses behind several hosts, last hour.
-- "targets" is exact to some tens of thousands, an estimate beyond.
SELECT
    src,
    dport,
    uniq(host) AS hosts,
    uniqMerge(dsts) AS targets,
    sumMerge(syns) AS segments,
    min(minute) AS since,
    max(minute) AS until
FROM weir.sweeps_by_minute
WHERE minute >= now() - 3600 AND marker_run = 0
GROUP BY src, dport
HAVING hosts >= 2 AND targets >= 50
ORDER BY hosts DESC, targets DESC, src, dport
LIMIT 50
