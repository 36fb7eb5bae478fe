-- Whether somebody was missing in this run who may have been in a row that could not be used. While that is so, such rows are not taken for
-- ones that have always been there beside everybody.
ALTER TABLE run ADD COLUMN unsure_absence INTEGER NOT NULL DEFAULT 0 CHECK (unsure_absence IN (0, 1));
