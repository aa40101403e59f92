"""The command ``fit-avatar``, also as ``python -m fit_avatar``.

It loads nothing before it understands Ctrl-C.
"""

import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from fit_avatar.cli import main as run

        return run()
    except KeyboardInterrupt:  # before the command line understands it by itself, or while it tells a mistake
        print("fit-avatar: interrupted; run the same command again to continue", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
