"""``python -m fit_avatar`` is the command ``fit-avatar``."""

import sys

from fit_avatar.cli import main

sys.exit(main())
