-- The dashboard finds people by whatever is known of them, regardless of case, and lists them by where they stand.

-- Ids that are not written in small letters: the others are found by the key itself, so where ids are numbers this is empty.
CREATE INDEX person_folded ON person (lower(employee_id)) WHERE lower(employee_id) <> employee_id;
-- Mail addresses that are not the user name as well.
CREATE INDEX account_mail ON account (lower(attributes ->> '$."emails.work"')) WHERE lower(attributes ->> '$."emails.work"') <> user_name;
CREATE INDEX account_display ON account (lower(attributes ->> '$.displayName')) WHERE lower(attributes ->> '$.displayName') IS NOT NULL;

-- By where they stand. Written as no other question has it, so that none takes these for its own.
CREATE INDEX account_active ON account (employee_id) WHERE active > 0;
CREATE INDEX account_suspended ON account (employee_id) WHERE active < 1;
CREATE TABLE no_account (
    employee_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO no_account SELECT employee_id FROM person p WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.employee_id = p.employee_id);
CREATE TRIGGER no_account_person AFTER INSERT ON person
BEGIN INSERT OR IGNORE INTO no_account (employee_id) VALUES (NEW.employee_id); END;
CREATE TRIGGER no_account_no_person AFTER DELETE ON person
BEGIN DELETE FROM no_account WHERE employee_id = OLD.employee_id; END;
CREATE TRIGGER no_account_account AFTER INSERT ON account
BEGIN DELETE FROM no_account WHERE employee_id = NEW.employee_id; END;
CREATE TRIGGER no_account_moved AFTER UPDATE OF employee_id ON account WHEN OLD.employee_id <> NEW.employee_id
BEGIN
    INSERT OR IGNORE INTO no_account (employee_id) VALUES (OLD.employee_id);
    DELETE FROM no_account WHERE employee_id = NEW.employee_id;
END;
CREATE TRIGGER no_account_gone AFTER DELETE ON account
BEGIN INSERT OR IGNORE INTO no_account SELECT employee_id FROM person WHERE employee_id = OLD.employee_id; END;

-- What somebody in a plan is called, in compared form, a line each: who is to be created is in no other table. NULL: it was made before.
ALTER TABLE intent ADD COLUMN names TEXT;
CREATE INDEX action_newcomer ON action (employee_id) WHERE kind = 'create' AND state IN ('held', 'queued', 'parked');
