DROP TRIGGER IF EXISTS jobs_forget_results
