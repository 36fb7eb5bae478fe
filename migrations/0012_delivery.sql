-- What an HR system pushed (POST /v1/hr/records), from the moment it was answered for until the plan made from it is stored.
CREATE TABLE delivery (
    -- In the order in which they were begun: a delta that came after a snapshot was begun counts behind it.
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT    NOT NULL,
    -- What the sender knows it by.
    name        TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('snapshot', 'delta')),
    begun_at    INTEGER NOT NULL,
    -- In the order in which they were accepted; NULL: parts are still to come.
    accepted    INTEGER UNIQUE,
    accepted_at INTEGER,
    records     INTEGER NOT NULL DEFAULT 0,
    -- The run that the sender was told of.
    run_id      TEXT,
    -- When a run began that is to read it.
    started_at  INTEGER,
    -- The run that read it last: another than the sender was told of, where that one failed or was killed.
    reader      TEXT,
    -- When what was read of it was stored with a plan.
    taken_at    INTEGER
) STRICT;
CREATE INDEX delivery_waiting ON delivery (source, accepted) WHERE accepted IS NOT NULL AND taken_at IS NULL;
CREATE INDEX delivery_run ON delivery (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE delivery_part (
    delivery_id INTEGER NOT NULL REFERENCES delivery (delivery_id) ON DELETE CASCADE,
    part        INTEGER NOT NULL,
    format      TEXT    NOT NULL CHECK (format IN ('json', 'ndjson', 'csv')),
    -- SHA-256 of the body, 64 hexadecimal digits.
    digest      TEXT    NOT NULL,
    records     INTEGER NOT NULL,
    -- JSON list: our columns that stood in a record.
    columns     TEXT    NOT NULL,
    -- What the sender was answered.
    answer      TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (delivery_id, part)
) STRICT;

-- What was answered to which key of the sender's, so that a request that is sent again is answered again and not done again.
CREATE TABLE idempotency (
    source   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    -- SHA-256 of the request, 64 hexadecimal digits.
    request  TEXT    NOT NULL,
    answer   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);
