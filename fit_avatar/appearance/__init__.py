"""The surface's colours as the frames show them: crops of frames, the texture atlas, light, the mean texture."""

from fit_avatar.appearance.atlas import Atlas, islands
from fit_avatar.appearance.light import LIGHT, Light, LightConfig, estimate_light, lighting_normals, mean_shading
from fit_avatar.appearance.log_light import LOG_LIGHT, LogLight, LogLightConfig, estimate_log_light
from fit_avatar.appearance.mean_texture import MEAN_TEXTURE, MeanTexture, MeanTextureConfig, view_texels
from fit_avatar.appearance.person_crop import CROP, CropConfig, PersonCrop, captured_frames
from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.appearance.robust_mean import robust_mean

__all__ = [
    "CROP",
    "LIGHT",
    "LOG_LIGHT",
    "MEAN_TEXTURE",
    "Atlas",
    "CropConfig",
    "Light",
    "LightConfig",
    "LogLight",
    "LogLightConfig",
    "MeanTexture",
    "MeanTextureConfig",
    "PersonCrop",
    "captured_frames",
    "estimate_light",
    "estimate_log_light",
    "islands",
    "lighting_normals",
    "mean_shading",
    "push_pull",
    "robust_mean",
    "view_texels",
]
