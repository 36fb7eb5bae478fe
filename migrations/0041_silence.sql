-- When the change by hand was found. A source's word from before that does not say that it is to be taken back.
ALTER TABLE drift_before ADD COLUMN found_at INTEGER NOT NULL DEFAULT 0;
-- A copy that `backup` made, and the newest read of a source that it knows of: what was pushed behind that is not in it.
CREATE TABLE copied (
    read_at INTEGER NOT NULL
) STRICT;
