-- Which user names are nobody's, and yet not free. All of them in compared form.

-- Names that accounts had: user_names.reuse_after_days keeps them from others for a while.
CREATE TABLE given_up_name (
    user_name   TEXT    NOT NULL PRIMARY KEY,
    employee_id TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Names that Workiva was seen to hold for somebody of whom nothing else is known.
CREATE TABLE taken_name (
    user_name TEXT    NOT NULL PRIMARY KEY,
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
