-- Whoever is missing from one source may be in another that has not been read whole since: they are settled once it has.
-- When the read began in which a record was first found missing; NULL: it is not missing, or it is settled what that means.
ALTER TABLE register ADD COLUMN missed_at INTEGER;
-- 1: the source no longer delivers the record, and absence means nothing in it: the records of other sources come first.
ALTER TABLE register ADD COLUMN stale INTEGER NOT NULL DEFAULT 0 CHECK (stale IN (0, 1));
UPDATE register SET missed_at = (SELECT full_read_at FROM source_state s WHERE s.source = register.source)
    WHERE absent_reads > 0 AND content <> '';
CREATE INDEX register_missed ON register (missed_at) WHERE missed_at IS NOT NULL;

-- When the newest read began that showed all that the source had; 0: none is known.
ALTER TABLE source_state ADD COLUMN whole_at INTEGER NOT NULL DEFAULT 0;
UPDATE source_state SET whole_at = read_at;

-- A source whose newest read failed.
CREATE TABLE source_failure (
    source TEXT    NOT NULL PRIMARY KEY,
    -- When the first of these reads in a row began, and the newest.
    since  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    -- How the newest came to nothing, without anybody's values.
    why    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
