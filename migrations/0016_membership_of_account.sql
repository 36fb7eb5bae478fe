-- Memberships are those of a user: they go with the account, and with the user that another takes the place of, whoever finds that out.
CREATE TRIGGER account_gone AFTER DELETE ON account
BEGIN DELETE FROM membership WHERE employee_id = OLD.employee_id; END;
CREATE TRIGGER account_of_another_user AFTER UPDATE OF scim_id ON account WHEN OLD.scim_id <> NEW.scim_id
BEGIN DELETE FROM membership WHERE employee_id = OLD.employee_id; END;
