"""Every field of an algorithm's configuration says what it does, and each configuration where its values come from."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fit_avatar"
SOURCES = ("chosen by hand", "chosen on", "section")
CONFIGURATIONS = {
    f"{path.stem}.{node.name}": node
    for path in sorted(PACKAGE.rglob("*.py"))
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.ClassDef) and node.name.endswith("Config") and node.name != "Config"
}


def undocumented(node: ast.ClassDef) -> list[str]:
    """Fields without a docstring; configurations of other algorithms have their own."""
    pairs = zip(node.body, [*node.body[1:], ast.Pass()], strict=True)
    return [
        field.target.id
        for field, after in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
        if not ast.unparse(field.annotation).endswith("Config")
    ]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_fields_are_documented_and_values_have_a_source(name: str) -> None:
    node = CONFIGURATIONS[name]
    assert undocumented(node) == []
    words = " ".join(ast.unparse(node).split()).lower()
    assert any(source in words for source in SOURCES), "say where the values come from"
