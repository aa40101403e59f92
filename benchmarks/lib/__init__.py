"""What the benchmark scripts share: clips with known truth, ways to fit, errors, tables and figures."""
