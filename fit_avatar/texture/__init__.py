"""From video and fitted body to a texture atlas: choose, light, align, merge, fill."""

from fit_avatar.texture.bake import Texture, bake
from fit_avatar.texture.light import Light
from fit_avatar.texture.relight import relighting

__all__ = ["Light", "Texture", "bake", "relighting"]
