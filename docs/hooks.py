"""Two small changes to the built pages: formulas become MathML, and Sphinx roles in docstrings become plain code.

Browsers draw MathML themselves, so that no script has to be fetched.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
ROLE = re.compile(r":(?:func|class|meth|data|mod|attr):<code>(~?)([^<]+)</code>")


def on_page_content(content: str, **_: Any) -> str:
    """Return a page's HTML with formulas as MathML and without roles."""
    return FORMULA.sub(_formula, ROLE.sub(_name, content))


def _formula(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    return convert(html.unescape(found[3]).strip(), display=display)


def _name(found: re.Match[str]) -> str:
    name = found[2].rpartition(".")[2] if found[1] else found[2]
    return f"<code>{name}</code>"
