-- The register: the newest record of each source for each person. It is there where one read does not tell of everybody:
-- several sources, or a source that delivers what changed.
CREATE TABLE register (
    employee_id  TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    -- JSON object: our name to canonical value, without what is empty.
    fields       TEXT    NOT NULL,
    -- The fingerprint of these fields, 32 hexadecimal digits.
    content      TEXT    NOT NULL,
    -- The record's fingerprint as it was read, 32 hexadecimal digits; empty: it was missing in the newest complete read.
    fingerprint  TEXT    NOT NULL,
    -- In how many complete reads in a row it was missing.
    absent_reads INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (employee_id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX register_source ON register (source, employee_id);

-- What is known of each source.
CREATE TABLE source_state (
    source          TEXT    NOT NULL PRIMARY KEY,
    -- The digest of the settings under which its records were read. Under others it has to be read in full.
    reading         TEXT    NOT NULL,
    -- From where its next delta goes on.
    cursor          TEXT,
    read_at         INTEGER NOT NULL,
    -- When it was last read in full.
    full_read_at    INTEGER NOT NULL,
    -- Of the newest complete read, and of the newest that the guard or an operator let stand.
    rows            INTEGER NOT NULL,
    header          TEXT    NOT NULL,
    accepted_rows   INTEGER,
    accepted_header TEXT,
    -- What is remembered of the file or system.
    name            TEXT    NOT NULL,
    digest          TEXT,
    modified        INTEGER,
    ends_line       INTEGER CHECK (ends_line IN (0, 1))
) STRICT, WITHOUT ROWID;
