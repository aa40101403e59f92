"""The avatar for other programs: OBJ, GLB, USD, NPZ, BVH and posed frames; data sets; trimesh's and Open3D's meshes."""

from fit_avatar.export.amass import write_amass
from fit_avatar.export.animations import append_animation, check_appendable
from fit_avatar.export.axes import Axes
from fit_avatar.export.bind import in_bind_pose
from fit_avatar.export.bvh import write_bvh
from fit_avatar.export.conversions import to_open3d, to_trimesh
from fit_avatar.export.datasets import FOLDERS, WRITERS, write_dataset
from fit_avatar.export.exavatar import write_exavatar
from fit_avatar.export.files import (
    EXTRAS,
    Style,
    avatar_files,
    check_installed,
    extra_files,
    write_avatar,
    write_extra,
)
from fit_avatar.export.gaussianavatar import write_gaussianavatar
from fit_avatar.export.glb import write_glb
from fit_avatar.export.instantavatar import write_instantavatar
from fit_avatar.export.keypoints import write_keypoints
from fit_avatar.export.npz import read_blendshape_weights, read_npz, write_npz
from fit_avatar.export.obj import write_frames, write_obj
from fit_avatar.export.people_snapshot import write_people_snapshot
from fit_avatar.export.smpl_family import check_body
from fit_avatar.export.usd import write_usdz
from fit_avatar.export.vrm import VrmMeta, write_vrm
from fit_avatar.io.atomic import atomic_folder, atomic_path, write_bytes

__all__ = [
    "EXTRAS",
    "FOLDERS",
    "WRITERS",
    "Axes",
    "Style",
    "VrmMeta",
    "append_animation",
    "atomic_folder",
    "atomic_path",
    "avatar_files",
    "check_appendable",
    "check_body",
    "check_installed",
    "extra_files",
    "in_bind_pose",
    "read_blendshape_weights",
    "read_npz",
    "to_open3d",
    "to_trimesh",
    "write_amass",
    "write_avatar",
    "write_bvh",
    "write_bytes",
    "write_dataset",
    "write_exavatar",
    "write_extra",
    "write_frames",
    "write_gaussianavatar",
    "write_glb",
    "write_instantavatar",
    "write_keypoints",
    "write_npz",
    "write_obj",
    "write_people_snapshot",
    "write_usdz",
    "write_vrm",
]
