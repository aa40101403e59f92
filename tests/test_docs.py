"""The pages' Python: every block can be read, and every name that is imported is there."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CASES = [(page, code) for page in PAGES for code in BLOCK.findall(page.read_text()) if "--8<--" not in code]


@pytest.mark.parametrize(("page", "code"), CASES, ids=lambda value: getattr(value, "stem", None))
def test_code_can_be_read_and_imports_exist(page, code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fit_avatar"):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_included_files_and_pictures_exist():
    for page in PAGES:
        text = page.read_text()
        for file in re.findall(r'--8<-- "([^":]+)', text):
            assert (ROOT / file).is_file(), f"{page} includes {file}"
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            assert (page.parent / picture).is_file(), f"{page} shows {picture}"
            assert (page.parent / picture).stat().st_size < 200_000, f"{picture} is large"
