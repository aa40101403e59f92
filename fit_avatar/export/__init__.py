"""The files a user takes away: OBJ, skinned GLB, NPZ, posed frames."""

from fit_avatar.export.atomic import atomic_folder, atomic_path, write_bytes
from fit_avatar.export.glb import write_glb
from fit_avatar.export.npz import write_npz
from fit_avatar.export.obj import write_frames, write_obj
from fit_avatar.export.people_snapshot import write_people_snapshot

__all__ = [
    "atomic_folder",
    "atomic_path",
    "write_bytes",
    "write_frames",
    "write_glb",
    "write_npz",
    "write_obj",
    "write_people_snapshot",
]
