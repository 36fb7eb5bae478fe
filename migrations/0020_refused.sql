-- What a source said of somebody, or in a row that is nobody's, and nobody can use. It stands beside the last good record until a
-- newer word comes: a delta does not say it again.
CREATE TABLE refused (
    source      TEXT NOT NULL,
    -- With the prefix; NULL: it cannot be told whose it is.
    employee_id TEXT,
    -- The rejection as JSON: whose, row, kind and reason.
    word        TEXT NOT NULL
) STRICT;
CREATE INDEX refused_source ON refused (source, employee_id);
