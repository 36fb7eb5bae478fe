-- What is remembered of the file that a run read: an older one, or one that is cut off, must not take its place.
-- When it was last changed, in milliseconds; never later than the run itself.
ALTER TABLE run ADD COLUMN source_modified INTEGER;
-- The digest of its bytes; it depends on the configuration as well.
ALTER TABLE run ADD COLUMN source_digest TEXT;
-- Whether it ended with a line end; NULL: not known, or a trailer proves its end.
ALTER TABLE run ADD COLUMN source_ends_line INTEGER CHECK (source_ends_line IN (0, 1));
