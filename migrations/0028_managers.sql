-- Workiva knows the manager of a person by its own id of that user, and HR by an employee id. Whoever was judged with a manager is looked
-- at again once that person's user comes, changes or goes.

-- The employee id of the manager whom HR has given the person; NULL: none, or the account keeps what it has.
ALTER TABLE person ADD COLUMN manager TEXT;
ALTER TABLE action ADD COLUMN manager TEXT;
CREATE INDEX person_manager ON person (manager) WHERE manager IS NOT NULL;

-- Whoever finds it out: an action, `drift` or `adopt`.
CREATE TRIGGER user_of_a_manager AFTER INSERT ON account
BEGIN UPDATE person SET fingerprint = '' WHERE manager = NEW.employee_id AND fingerprint <> ''; END;
CREATE TRIGGER other_user_of_a_manager AFTER UPDATE OF scim_id ON account WHEN OLD.scim_id <> NEW.scim_id
BEGIN UPDATE person SET fingerprint = '' WHERE manager = NEW.employee_id AND fingerprint <> ''; END;
CREATE TRIGGER user_of_another_manager AFTER UPDATE OF employee_id ON account WHEN OLD.employee_id <> NEW.employee_id
BEGIN UPDATE person SET fingerprint = '' WHERE manager IN (OLD.employee_id, NEW.employee_id) AND fingerprint <> ''; END;
CREATE TRIGGER no_user_of_a_manager AFTER DELETE ON account
BEGIN UPDATE person SET fingerprint = '' WHERE manager = OLD.employee_id AND fingerprint <> ''; END;
