"""Who imports whom: no circles, and packages import only from those above them in the table of docs/house.md."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for suffix in ("py", "pyi")  # the stub of the package has its public names
    for file in sorted((ROOT / "fit_avatar").rglob(f"*.{suffix}"))
}


def imports(module):
    """Return the modules of fit_avatar that a module imports: at its top, in functions, and for type checking."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{FILES[module]} has a relative import"
            names = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in FILES else node.module for full in names.values()}
    return {name for name in found if name.split(".")[0] == "fit_avatar"}


def package(module):
    return module.split(".")[1] if "." in module else "fit_avatar"


def table():
    """Return the packages in the order of the table."""
    page = (ROOT / "docs" / "house.md").read_text()
    rows = re.search(r"\| package under `fit_avatar/` .*?\n\n", page, re.DOTALL)[0].splitlines()[2:]
    return [name.strip("/") for row in rows if row for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


IMPORTS = {module: imports(module) for module in FILES}
ORDER = table()


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_table_has_every_package_once():
    assert sorted(ORDER) == sorted({package(module) for module in FILES} - {"fit_avatar"})


def test_packages_import_only_from_those_above_them():
    wrong = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if package(module) in ORDER and package(other) not in ORDER[: ORDER.index(package(module)) + 1]
    ]
    assert wrong == []


def test_nothing_inside_imports_the_front_door():
    assert [module for module, others in IMPORTS.items() if "fit_avatar" in others] == []
