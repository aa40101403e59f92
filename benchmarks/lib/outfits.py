"""What a synthetic person wears, by name: what changes about clothes that follow the skin, and which pieces hang.

Names are joined with "+": ``skirt+ponytail+boots``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fit_avatar.errors import BadInputError

Hair = Literal["cropped", "long", "by the seed"]


@dataclass(frozen=True)
class Outfit:
    """Clothes of one person; None is left to the seed."""

    jacket: bool | None = None
    """A wide jacket instead of a tee."""
    sleeve: float | None = None
    """Where sleeves end: 0 shoulder, 1 elbow, 2 wrist."""
    trouser: float | None = None
    """Where trousers end: 0 hip, 1 knee, 2 ankle."""
    hem_m: float | None = None
    """How far the top reaches below the pelvis, in metres."""
    hair: Hair = "by the seed"
    own_feet: bool = False
    """Bare feet, over which pieces may go, instead of the seed's shoes."""
    pieces: tuple[str, ...] = ()
    """What has a surface of its own: names in ``lib.hanging_pieces.PIECES``."""

    def with_piece(self, name: str) -> Outfit:
        """Return the outfit with one piece more."""
        return replace(self, pieces=(*self.pieces, name))


ITEMS: dict[str, Callable[[Outfit], Outfit]] = {
    "long_hair": lambda o: replace(o, hair="long").with_piece("long_hair"),
    "ponytail": lambda o: replace(o, hair="long").with_piece("ponytail"),
    "hat": lambda o: o.with_piece("hat"),
    "skirt": lambda o: replace(o, jacket=False, hem_m=-0.02, trouser=0.15).with_piece("skirt"),
    "dress": lambda o: replace(o, jacket=False, hem_m=0.0, sleeve=0.45, trouser=0.15).with_piece("dress"),
    "long_dress": lambda o: replace(o, jacket=False, hem_m=0.0, sleeve=0.45, trouser=0.15).with_piece("long_dress"),
    "coat": lambda o: replace(o, jacket=True, hem_m=0.02, trouser=1.96).with_piece("coat"),
    "boots": lambda o: replace(o, own_feet=True).with_piece("boots"),
    "barefoot": lambda o: replace(o, own_feet=True),
    "shoes": lambda o: replace(o, own_feet=True, trouser=1.0 if o.trouser is None else o.trouser).with_piece("shoes"),
}
"""What each name changes; ``shoes`` go with short trousers, unless a name before them has others."""


def outfit(names: str) -> Outfit:
    """Return what names joined with "+" stand for; "" is the clothes that follow from the seed alone.

    Raises:
        BadInputError: there is no such thing to wear.
    """
    worn = Outfit()
    for name in filter(None, names.split("+")):
        if name not in ITEMS:
            close = difflib.get_close_matches(name, ITEMS, 1)
            hint = f"did you mean {close[0]}?" if close else "join several with +"
            raise BadInputError(f"there is no {name!r} to wear; there are {', '.join(ITEMS)}: {hint}")
        worn = ITEMS[name](worn)
    return worn


def named_outfits(given: Sequence[str]) -> list[str]:
    """Return the outfits of a command line; "all" is each name alone.

    Raises:
        BadInputError: there is no such thing to wear.
    """
    names = [name for some in given for name in (ITEMS if some == "all" else (some,))]
    for name in names:
        outfit(name)
    return list(dict.fromkeys(names))
