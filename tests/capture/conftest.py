"""Makes the helpers beside the tests importable however pytest is started, and what they share with the benchmarks."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
