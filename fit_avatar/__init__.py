"""fit-avatar: one video of a person turning around becomes a textured, rigged avatar.

The public names are those of ``__init__.pyi``. Each is imported when it is first used, so that the command line starts
at once.
"""

import ast
from importlib import import_module, resources
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_STUB = ast.parse(resources.files(__name__).joinpath("__init__.pyi").read_text(encoding="utf-8"))
_HOMES = {name.name: str(node.module) for node in _STUB.body if isinstance(node, ast.ImportFrom) for name in node.names}
__all__ = sorted(_HOMES)

try:
    __version__ = version("fit-avatar")
except PackageNotFoundError:  # the source folder, not installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module fit_avatar has no attribute {name}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
