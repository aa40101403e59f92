"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are text already."""
    heading, *lines = [f"| {' | '.join(row)} |" for row in (headings, *rows)]
    return "\n".join([heading, "|---" * len(headings) + "|", *lines])
