"""The action Fetch, one file a fetch action; what they share beside them."""
