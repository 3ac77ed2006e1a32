-- Under which policy each running case runs, so that one can be seen to be in use or not. It stands
-- in the case's sealed document, so no statement can fill it in here: the line of a case that runs
-- already says nothing until its next change, as with overdue_since.
ALTER TABLE queue ADD COLUMN policy text;
