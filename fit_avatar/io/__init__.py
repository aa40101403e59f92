"""Files: atomic writes, safe pickles, kept results."""
