"""Many clips: which they are, a process for each on this machine or on a cluster, and a table and a page of all."""
