"""Every setting says where its value comes from."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules

import pytest

from fit_avatar import capture

SOURCE = re.compile(r"chosen by hand|measured|chosen on benchmark|\b(19|20)\d\d\b", re.IGNORECASE)
MODULES = [import_module(f"fit_avatar.capture.{module.name}") for module in iter_modules(capture.__path__)]
CONFIGS = [
    cls
    for module in MODULES
    for name, cls in inspect.getmembers(module, inspect.isclass)
    if name.endswith("Config") and cls.__module__ == module.__name__
]


def docstrings(cls: type) -> dict[str, str]:
    """Field → the docstring below it."""
    (tree,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        a.target.id: " ".join(b.value.value.split())
        for a, b in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(a, ast.AnnAssign) and isinstance(b, ast.Expr) and isinstance(a.target, ast.Name)
    }


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.__name__)
def test_every_setting_states_its_source(cls: type) -> None:
    assert is_dataclass(cls) and cls.__dataclass_params__.frozen
    documented, defaults = docstrings(cls), cls()
    values = [f.name for f in fields(cls) if not is_dataclass(getattr(defaults, f.name))]
    assert [name for name in values if not SOURCE.search(documented.get(name, ""))] == []


def test_all_algorithms_have_settings() -> None:
    assert len(CONFIGS) == 31
