"""Actions about the server as a whole: its backup, its restore, and what fetches have left."""
