-- Attributes that Workiva was seen to take and not to show again as they were sent: each is told of once.
CREATE TABLE unkept_attribute (
    attribute  TEXT    NOT NULL PRIMARY KEY,
    -- Whether the answer lacked it; else it had another value.
    is_lacking INTEGER NOT NULL,
    noticed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
