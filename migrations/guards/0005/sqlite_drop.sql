DROP TRIGGER jobs_uncount_changed
-- next
DROP TRIGGER jobs_uncount_deleted
