-- Whether a run has seen since that no role grants what somebody was in by hand: it is not ours, so nobody tells us when it ends, and it
-- is looked at before it is believed again.
ALTER TABLE membership ADD COLUMN lapsed INTEGER NOT NULL DEFAULT 0 CHECK (lapsed IN (0, 1));
