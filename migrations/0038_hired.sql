-- The hire date of the record with which somebody was settled. One that had passed and moves into the future contradicts that they have worked.
ALTER TABLE person ADD COLUMN hired TEXT;
ALTER TABLE action ADD COLUMN hired TEXT;
