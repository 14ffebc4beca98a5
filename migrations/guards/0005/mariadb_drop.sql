DROP TRIGGER IF EXISTS jobs_uncount_changed
-- next
DROP TRIGGER IF EXISTS jobs_uncount_deleted
