"""From video and fitted body to a texture: view selection, seams, detail, inpainting, folds."""

from fit_avatar.texture.bake import Texture, bake
from fit_avatar.texture.config import TEXTURE, TextureConfig
from fit_avatar.texture.detail import DETAIL, DetailConfig
from fit_avatar.texture.displacement import DISPLACEMENT, DisplacementConfig, find_displacement
from fit_avatar.texture.hands import HANDS, HandsConfig
from fit_avatar.texture.inpaint import INPAINTING, InpaintingConfig, Origin
from fit_avatar.texture.relief import RELIEF, Relief, ReliefConfig, find_relief
from fit_avatar.texture.relight import relighting
from fit_avatar.texture.texels import nearest_inside
from fit_avatar.texture.view_selection import VIEW_SELECTION, ViewSelectionConfig

__all__ = [
    "DETAIL",
    "DISPLACEMENT",
    "HANDS",
    "INPAINTING",
    "RELIEF",
    "TEXTURE",
    "VIEW_SELECTION",
    "DetailConfig",
    "DisplacementConfig",
    "HandsConfig",
    "InpaintingConfig",
    "Origin",
    "Relief",
    "ReliefConfig",
    "Texture",
    "TextureConfig",
    "ViewSelectionConfig",
    "bake",
    "find_displacement",
    "find_relief",
    "nearest_inside",
    "relighting",
]
