"""Problems, their unknowns, and the optimisers that solve them."""
