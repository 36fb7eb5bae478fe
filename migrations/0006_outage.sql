-- The outage of Workiva that a pool waits out, so that `status` can tell of it. No row: none is known.
CREATE TABLE outage (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    since INTEGER NOT NULL,
    next_probe_at INTEGER NOT NULL,
    -- How often in a row Workiva was found down.
    streak INTEGER NOT NULL,
    -- Whether it is the credentials rather than Workiva.
    credentials INTEGER NOT NULL CHECK (credentials IN (0, 1)),
    -- The last failure, without anything of a person's.
    message TEXT NOT NULL
) STRICT;
