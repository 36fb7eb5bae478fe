-- What somebody was told of, until a day after it ended.
CREATE TABLE alert (
    -- The kind, and of several sources which.
    about       TEXT    NOT NULL PRIMARY KEY,
    -- What is the matter, as it was seen last: a JSON object.
    condition   TEXT    NOT NULL,
    raised_at   INTEGER NOT NULL,
    told_at     INTEGER NOT NULL,
    -- How many it concerned then.
    told_count  INTEGER NOT NULL,
    -- Since when it is not seen any more, while that is not believed.
    quiet_since INTEGER,
    ended_at    INTEGER,
    -- How often in a row it came back soon.
    times       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that not every channel has yet.
CREATE TABLE alert_message (
    number     INTEGER PRIMARY KEY,
    about      TEXT    NOT NULL,
    -- As it is sent: a JSON object.
    message    TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The channels that do not have it yet. Who sends moves `not_before` on first, so nobody else sends it meanwhile, and it is sent
-- again where that process dies.
CREATE TABLE alert_delivery (
    number     INTEGER NOT NULL REFERENCES alert_message (number) ON DELETE CASCADE,
    channel    TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,
    error      TEXT,
    PRIMARY KEY (number, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_memo (
    only_row         INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    -- Grows with every change of alerts: of two processes that look at one time, one tells.
    turn             INTEGER NOT NULL,
    digest_at        INTEGER,
    audit_checked_at INTEGER,
    audit_fault      TEXT
) STRICT;
INSERT INTO alert_memo (only_row, turn) VALUES (1, 0);

CREATE INDEX plan_decided ON plan (decided_at) WHERE state IN ('approved', 'rejected');
