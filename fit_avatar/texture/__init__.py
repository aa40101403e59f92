"""From video and fitted body to a texture atlas: choose, light, align, merge, fill."""

from fit_avatar.appearance.light import Light
from fit_avatar.correspondence.tracker import Tracker
from fit_avatar.texture.bake import Texture, bake
from fit_avatar.texture.displacement import find_displacement
from fit_avatar.texture.relight import relighting
from fit_avatar.visibility.frame_views import FrameViews

__all__ = ["FrameViews", "Light", "Texture", "Tracker", "bake", "find_displacement", "relighting"]
