"""From video and fitted body to a texture atlas: unwrap, choose, merge, fill."""

from fit_avatar.texture.bake import Texture, bake

__all__ = ["Texture", "bake"]
