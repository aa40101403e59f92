"""fit-avatar: one video of a person turning around becomes a textured, rigged avatar.

The public names are those of ``__init__.pyi``, which is read when one of them is first used. Each is imported when it
is used itself, so that the command line starts at once; nothing is imported here, so that Ctrl-C is soon understood.
"""


def _homes() -> dict[str, str]:
    """Return the module of every public name."""
    import ast
    from importlib import resources

    stub = ast.parse(resources.files(__name__).joinpath("__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {name.name: str(node.module) for node in imports for name in node.names}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fit-avatar")
    except PackageNotFoundError:  # the source folder, not installed
        return "0.0.0"


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name == "__all__":
        return sorted(_homes())
    if name.startswith("__") or name not in _homes():
        raise AttributeError(f"module fit_avatar has no attribute {name}")
    from importlib import import_module

    found: object = getattr(import_module(_homes()[name]), name)
    globals()[name] = found  # so that it is not looked for again
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_homes(), "__all__", "__version__"})
