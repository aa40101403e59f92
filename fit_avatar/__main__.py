"""``python -m fit_avatar`` is the command ``fit-avatar``."""

import sys

from fit_avatar.cli import main

if __name__ == "__main__":
    sys.exit(main())
