-- Rows behind the first of those that shared an employee id and differed: together they are one rejection, and each is a row that could not be
-- used.
ALTER TABLE run ADD COLUMN doubled_rows INTEGER NOT NULL DEFAULT 0;
