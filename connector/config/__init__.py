"""Settings: the file format, the sections, and where values come from."""
