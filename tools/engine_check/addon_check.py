"""Does the Blender add-on make an avatar of a video, import it and bake it to FBX? And say what a user did wrong?

python3.11 -m venv /tmp/blender && /tmp/blender/bin/pip install "bpy==4.5.*"
/tmp/blender/bin/python tools/engine_check/addon_check.py [--command fit-avatar] [--video CLIP] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools" / "blender"))

import fit_avatar_addon as addon  # noqa: E402

SHAPES = 52
SMALL = "--frames 12 --quality fast --texture-size 512"


def main() -> int:
    """Return 0 if everything passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="fit-avatar")
    parser.add_argument("--video", type=Path, default=ROOT / "assets" / "demo.mp4")
    parser.add_argument("--out", type=Path, default=Path("addon"))
    parser.add_argument("--more", default=SMALL, help="further options of the run")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    addon.program = lambda context: options.command
    settings = bpy.context.scene.fit_avatar
    settings.folder, settings.more = str(options.out / "results"), options.more

    checks = [_refused(bpy.ops.fit_avatar.fit, "There is no video ''")]
    settings.video = str(options.video)
    settings.more = '--quality "'
    checks.append(_refused(bpy.ops.fit_avatar.fit, "cannot be read"))
    settings.more = "--quality worst"
    checks.append(_refused(bpy.ops.fit_avatar.fit, "worst"))
    settings.more = options.more
    addon.program = lambda context: "no-such-program"
    checks.append(_refused(bpy.ops.fit_avatar.fit, "'no-such-program' does not start"))
    addon.program = lambda context: options.command
    checks.append(_refused(lambda: bpy.ops.fit_avatar.import_results(directory=str(options.out)), "has no avatar.glb"))
    checks.append(_refused(lambda: bpy.ops.fit_avatar.bake_fbx(filepath="x.fbx"), "no avatar"))

    print(shlex.join(addon.arguments(settings, options.command)))
    checks.append(bpy.ops.fit_avatar.fit() == {"FINISHED"} and _whole("the run"))
    fbx = options.out / "avatar.fbx"
    checks.append(bpy.ops.fit_avatar.bake_fbx(filepath=str(fbx)) == {"FINISHED"})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(fbx))
    checks.append(_whole(f"FBX ({fbx.stat().st_size} bytes)"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    imported = bpy.ops.fit_avatar.import_results(directory=str(options.out / "results"))
    checks.append(imported == {"FINISHED"} and _whole("the import"))
    addon.unregister()
    print("passed" if all(checks) else "FAILED")
    return 0 if all(checks) else 1


def _refused(act, sentence: str) -> bool:
    try:
        act()
    except RuntimeError as error:  # what Blender makes of an operator's report of an error
        print(f"refused: {str(error).strip()}")
        return sentence in str(error)
    print(f"not refused: {sentence}")
    return False


def _whole(name: str) -> bool:
    """Return whether the scene has one armature with a motion, and its mesh with picture, weights and shapes."""
    (armature,) = (each for each in bpy.data.objects if each.type == "ARMATURE")
    (mesh,) = (each for each in bpy.data.objects if each.type == "MESH" and each.find_armature() == armature)
    action, scene = armature.animation_data.action, bpy.context.scene
    shapes = mesh.data.shape_keys.key_blocks[1:] if mesh.data.shape_keys else ()
    pictures = [tuple(image.size) for image in bpy.data.images if image.size[0]]
    places = []
    for frame in (scene.frame_start, (scene.frame_start + scene.frame_end) // 2):
        scene.frame_set(frame)
        places.append([armature.matrix_world @ bone.head for bone in armature.pose.bones])
    moved = max((a - b).length for a, b in zip(*places, strict=True))
    print(
        f"{name}: {len(armature.data.bones)} bones, {len(mesh.data.vertices)} vertices, {len(shapes)} shape keys, "
        f"pictures {pictures}, {len(mesh.data.materials)} material, action of {tuple(action.frame_range)} frames at "
        f"{scene.render.fps / scene.render.fps_base:.2f} a second; a joint moves by {moved:.3f} m"
    )
    return bool(len(shapes) == SHAPES and pictures and mesh.data.materials and mesh.vertex_groups and moved > 0.05)


if __name__ == "__main__":
    sys.exit(main())
