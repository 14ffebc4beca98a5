"""The life of a job: states, tables and every statement about jobs."""
