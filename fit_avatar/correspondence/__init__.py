"""Points of the surface found again in the pictures."""
