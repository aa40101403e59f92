"""fit-avatar: one video of a person turning around becomes a textured, rigged avatar."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fit-avatar")
except PackageNotFoundError:  # the source folder, not installed
    __version__ = "0.0.0"
