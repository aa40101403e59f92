"""All settings of making a texture."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.appearance.light import LIGHT, LightConfig
from fit_avatar.appearance.mean_texture import MEAN_TEXTURE, MeanTextureConfig
from fit_avatar.appearance.person_crop import CROP, CropConfig
from fit_avatar.texture.detail import DETAIL, DetailConfig
from fit_avatar.texture.face_config import FACE, FaceConfig
from fit_avatar.texture.hands import HANDS, HandsConfig
from fit_avatar.texture.hanging_hair import HANGING_HAIR, HangingHairConfig
from fit_avatar.texture.inpaint import INPAINTING, InpaintingConfig
from fit_avatar.texture.relief import RELIEF, ReliefConfig
from fit_avatar.texture.view_selection import VIEW_SELECTION, ViewSelectionConfig


@dataclass(frozen=True)
class TextureConfig:
    """How a texture is made: the configurations of its steps, and what belongs to none. Values were chosen by hand."""

    portrait_weight: float = 4.0
    """Weight of the portrait in the face's coarse colour, relative to all other frames together."""
    portrait_rounds: int = 3
    """Rounds of smoothing of that weight's border over the mesh."""
    min_island: float = 0.3
    """An island is inpainted whole if less of it is seen than this part of what is seen of the body: what shows of a
    mouth is the lips, misplaced."""
    mean_texture: MeanTextureConfig = MEAN_TEXTURE
    light: LightConfig = LIGHT
    crop: CropConfig = CROP
    view_selection: ViewSelectionConfig = VIEW_SELECTION
    detail: DetailConfig = DETAIL
    hands: HandsConfig = HANDS
    hanging_hair: HangingHairConfig = HANGING_HAIR
    face: FaceConfig = FACE
    inpainting: InpaintingConfig = INPAINTING
    relief: ReliefConfig = RELIEF


TEXTURE = TextureConfig()
