-- Who waits for a user name (compared form) that its holder is about to give up, and has an account: a swap, a circle or a chain. Once it is
-- given up it is theirs, whatever user_names.reuse_after_days says.
CREATE TABLE awaited_name (
    user_name   TEXT NOT NULL PRIMARY KEY,
    employee_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE given_up_name ADD COLUMN heir TEXT;
