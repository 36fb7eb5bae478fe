-- What a repair sent against, so that a server which writes a value otherwise than it was sent is repaired once, and not every
-- night: should the same value be shown again while the same one is confirmed, it is the server's doing.
CREATE TABLE drift_repair (
    employee_id TEXT NOT NULL,
    attribute   TEXT NOT NULL,
    -- What was confirmed, and what Workiva showed instead.
    confirmed   TEXT NOT NULL,
    shown       TEXT NOT NULL,
    PRIMARY KEY (employee_id, attribute)
) STRICT, WITHOUT ROWID;
