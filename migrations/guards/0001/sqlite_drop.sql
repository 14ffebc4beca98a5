DROP TRIGGER jobs_guard_insert
-- next
DROP TRIGGER jobs_guard_delete
-- next
DROP TRIGGER jobs_guard_move
-- next
DROP TRIGGER jobs_guard_fixed
-- next
DROP TRIGGER jobs_guard_form
-- next
DROP TRIGGER jobs_by_hand
