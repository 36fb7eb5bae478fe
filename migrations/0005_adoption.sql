-- People for whom `adopt` found a user of Workiva who may be theirs. While it is 'open' or 'skip', no account is made for them.
CREATE TABLE adoption (
    employee_id TEXT    NOT NULL PRIMARY KEY REFERENCES person (employee_id),
    decision    TEXT    NOT NULL CHECK (decision IN ('open', 'skip', 'new')),
    decided_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
