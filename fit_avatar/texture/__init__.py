"""From video and fitted body to a texture atlas: choose, light, align, merge, fill."""

from fit_avatar.texture.bake import Texture, bake
from fit_avatar.texture.light import Light
from fit_avatar.texture.looks import Looks
from fit_avatar.texture.relief import find_relief
from fit_avatar.texture.relight import relighting
from fit_avatar.texture.track import Tracker

__all__ = ["Light", "Looks", "Texture", "Tracker", "bake", "find_relief", "relighting"]
