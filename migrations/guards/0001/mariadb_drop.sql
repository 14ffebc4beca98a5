DROP TRIGGER jobs_guard_insert
-- next
DROP TRIGGER jobs_guard_delete
-- next
DROP TRIGGER jobs_guard_update
