-- What the dashboard shows on each page is kept, not counted: with a million people to count takes longer than anything else there.

-- People by where they stand.
CREATE TABLE headcount (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    people   INTEGER NOT NULL,
    accounts INTEGER NOT NULL,
    active   INTEGER NOT NULL
) STRICT;
INSERT INTO headcount SELECT 1, (SELECT count(*) FROM person), (SELECT count(*) FROM account), (SELECT count(*) FROM account WHERE active = 1);
CREATE TRIGGER headcount_person AFTER INSERT ON person
BEGIN UPDATE headcount SET people = people + 1; END;
CREATE TRIGGER headcount_no_person AFTER DELETE ON person
BEGIN UPDATE headcount SET people = people - 1; END;
CREATE TRIGGER headcount_account AFTER INSERT ON account
BEGIN UPDATE headcount SET accounts = accounts + 1, active = active + NEW.active; END;
CREATE TRIGGER headcount_other_account AFTER UPDATE OF active ON account WHEN OLD.active <> NEW.active
BEGIN UPDATE headcount SET active = active + NEW.active - OLD.active; END;
CREATE TRIGGER headcount_no_account AFTER DELETE ON account
BEGIN UPDATE headcount SET accounts = accounts - 1, active = active - OLD.active; END;

-- The actions of a plan by kind and reason, whatever became of them.
CREATE TABLE plan_group (
    plan_id TEXT    NOT NULL REFERENCES plan (plan_id),
    kind    TEXT    NOT NULL,
    because TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (plan_id, kind, because)
) STRICT, WITHOUT ROWID;
INSERT INTO plan_group SELECT a.plan_id, a.kind, i.because, count(*) FROM action a JOIN intent i USING (action_id) GROUP BY 1, 2, 3;

-- Whoever is looked for by the beginning of a name. SQLite folds ASCII alone; what else there is is asked for in both cases.
CREATE INDEX account_family ON account (lower(attributes ->> '$."name.familyName"'));
CREATE INDEX account_given ON account (lower(attributes ->> '$."name.givenName"'));

-- What is held is counted by kind without a look at each action: kind and state stand in the index as well.
DROP INDEX action_held;
CREATE INDEX action_held ON action (plan_id, kind, state) WHERE state = 'held';
