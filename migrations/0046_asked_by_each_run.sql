-- A run over the same bytes as before asks whether somebody is not settled. With a million people to look at each took longer than all else of it.
CREATE INDEX person_unsettled ON person (employee_id) WHERE fingerprint = '';

-- Each read of a source asks for whom it had no longer named or was too old; with many people to look at each took most of the time of a delta.
CREATE INDEX register_stale ON register (source) WHERE stale = 1;
