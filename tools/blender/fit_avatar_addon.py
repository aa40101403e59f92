"""Blender add-on: run fit-avatar on a video, import the avatar with its motion, bake it to FBX.

Install: Edit > Preferences > Add-ons > Install from Disk, this file. Panel: 3D view, sidebar (N), "fit-avatar".

fit-avatar itself stays in its own Python, where it is installed; the add-on starts its command and reads its
``--log json``. Nothing leaves the machine. Blender 3.6 to 5.0; from Python, as a test does it::

    import bpy, fit_avatar_addon as addon
    addon.register()
    settings = bpy.context.scene.fit_avatar
    settings.video, settings.folder = "person.mp4", "out/person"
    bpy.ops.fit_avatar.fit()              # runs and imports; returns when it is done if Blender has no window
    bpy.ops.fit_avatar.bake_fbx(filepath="person.fbx")
    addon.unregister()                    # else ``bpy`` outside Blender waits for ever when Python ends
"""

import json
import queue
import shlex
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.props import FloatProperty, PointerProperty, StringProperty
from bpy.types import AddonPreferences, Armature, Collection, Context, Event, Object, Operator, Panel, PropertyGroup
from bpy_extras.io_utils import ExportHelper

bl_info = {
    "name": "fit-avatar",
    "description": "A video of a person becomes a textured, rigged avatar with its motion",
    "author": "The authors of fit-avatar",
    "version": (0, 1, 0),
    "blender": (3, 6, 0),
    "location": "3D view > sidebar > fit-avatar",
    "category": "Import-Export",
}

AVATAR, PEOPLE = "avatar.glb", "people.glb"
EVERY_S = 0.2
"""How often the window asks the run for news."""


class RunError(Exception):
    """What went wrong, in a sentence for the user."""


class Settings(PropertyGroup):
    """What the panel asks for."""

    video: StringProperty(name="Video", subtype="FILE_PATH", description="Clip of one person or several")  # type: ignore[valid-type]
    folder: StringProperty(  # type: ignore[valid-type]
        name="Results", subtype="DIR_PATH", description="Folder for the results; by default out/<name> beside the video"
    )
    height_m: FloatProperty(  # type: ignore[valid-type]
        name="Height", min=0.0, max=2.6, precision=2, unit="LENGTH", description="Of the person; 0: not known"
    )
    more: StringProperty(  # type: ignore[valid-type]
        name="More options", description="As on the command line, such as: --person all --quality best"
    )
    stage: StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    done: FloatProperty(subtype="FACTOR", min=0.0, max=1.0, options={"SKIP_SAVE"})  # type: ignore[valid-type]


class Preferences(AddonPreferences):
    """Where the program is."""

    bl_idname = __name__
    command: StringProperty(  # type: ignore[valid-type]
        name="Command", default="fit-avatar", description="The installed program, or: /path/to/python -m fit_avatar"
    )

    def draw(self, context: Context) -> None:
        """Show the one option."""
        self.layout.prop(self, "command")


def program(context: Context) -> str:
    """Return the command that the preferences name, or the default where the file was only imported."""
    addon = context.preferences.addons.get(__name__)
    return addon.preferences.command if addon else Preferences.__annotations__["command"].keywords["default"]


def arguments(settings: Settings, command: str) -> list[str]:
    """Return the command line of a run.

    Raises:
        RunError: there is no such video, or quotes are open.
    """
    video = Path(bpy.path.abspath(settings.video))
    if not settings.video or not video.exists():
        raise RunError(f"There is no video '{settings.video}'. Choose one.")
    try:
        words, more = shlex.split(command), shlex.split(settings.more)
    except ValueError as error:
        raise RunError(f"The command or 'More options' cannot be read: {error}.") from error
    height = ["--height-m", f"{settings.height_m:.3f}"] if settings.height_m > 0 else []
    return [*words, "--video", str(video), "--out", str(results_of(settings)), "--log", "json", *height, *more]


def results_of(settings: Settings) -> Path:
    """Return the folder of the results."""
    if settings.folder:
        return Path(bpy.path.abspath(settings.folder))
    video = Path(bpy.path.abspath(settings.video))
    return video.parent / "out" / video.stem


class Run:
    """fit-avatar at work in a process of its own."""

    def __init__(self, words: list[str]) -> None:
        """Start it.

        Raises:
            RunError: the program is not there.
        """
        try:
            self._process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding="utf-8"
            )
        except OSError as error:
            raise RunError(
                f"'{words[0]}' does not start ({error.strerror}). "
                "Install fit-avatar, or name its command in the add-on's preferences."
            ) from error
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._complain)]
        for reader in self._readers:
            reader.start()
        self.over = False

    def news(self) -> Iterator[dict[str, Any]]:
        """Yield the events since the last call, without waiting."""
        while not self.over:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return
            if event is None:
                self.over = True
            else:
                yield event

    def wait(self) -> Iterator[dict[str, Any]]:
        """Yield all events until the end."""
        yield from iter(self._events.get, None)
        self.over = True

    def stop(self) -> None:
        """End it; a later run continues where it was."""
        self._process.terminate()
        self._process.wait()

    def check(self) -> None:
        """Raise what went wrong, once it is over.

        Raises:
            RunError: the program's own sentence.
        """
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        if code:
            said = [line for line in self._errors if line.strip()]
            raise RunError(said[-1] if said else f"fit-avatar ended with exit code {code}.")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            try:
                self._events.put(json.loads(line))
            except ValueError:
                continue
        self._events.put(None)

    def _complain(self) -> None:
        self._errors += [line.strip() for line in self._process.stderr or ()]


def import_results(context: Context, folder: Path) -> list[Object]:
    """Import the avatar, or everybody, of a folder of results into a collection of its name.

    The scene gets the clip's frames a second, and its range the motion's.

    Returns:
        The armatures, each with its mesh (material, shape keys) and an action.

    Raises:
        RunError: the folder has no results.
    """
    path = next((folder / name for name in (PEOPLE, AVATAR) if (folder / name).is_file()), None)
    if path is None:
        raise RunError(f"'{folder}' has no {AVATAR}. Choose a folder that fit-avatar has written.")
    scene, fps = context.scene, frames_per_second(path)
    if fps:
        scene.render.fps = max(1, round(fps))
        scene.render.fps_base = scene.render.fps / fps
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(path), disable_bone_shape=True)
    new = [each for each in bpy.data.objects if each not in before]
    _gather(scene.collection, folder.name, new)
    armatures = [each for each in new if isinstance(each.data, Armature)]
    actions = [each.animation_data.action for each in armatures if each.animation_data and each.animation_data.action]
    if actions:
        scene.frame_start = int(min(action.frame_range[0] for action in actions))
        scene.frame_end = int(max(action.frame_range[1] for action in actions) + 0.999)
        scene.frame_set(scene.frame_start)
    return armatures


def frames_per_second(path: Path) -> float | None:
    """Return the rate of the clip that a GLB of fit-avatar's moves by; None without a motion."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<I", content, 12)
    animations = json.loads(content[20 : 20 + length]).get("animations", [])
    return next((each["extras"]["fps"] for each in animations if "fps" in each.get("extras", {})), None)


def bake_fbx(path: Path, armature: Object) -> None:
    """Write an armature, what it moves and its motion, key by key and with pictures inside, as FBX."""
    for each in bpy.context.selected_objects:
        each.select_set(False)
    for each in (armature, *armature.children_recursive, *_moved_by(armature)):
        each.select_set(True)
    bpy.ops.export_scene.fbx(
        filepath=str(path),
        use_selection=True,
        path_mode="COPY",
        embed_textures=True,
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
    )


def _moved_by(armature: Object) -> list[Object]:
    return [each for each in bpy.data.objects if each.type == "MESH" and each.find_armature() == armature]


def _gather(scene: Collection, name: str, objects: list[Object]) -> None:
    collection = bpy.data.collections.new(name)
    scene.children.link(collection)
    for each in objects:
        for former in list(each.users_collection):
            former.objects.unlink(each)
        collection.objects.link(each)


class FitOperator(Operator):
    """Fit an avatar to the video, then import it."""

    bl_idname, bl_label = "fit_avatar.fit", "Fit avatar"
    _run: Run
    _timer: Any

    def execute(self, context: Context) -> set[str]:
        """Run to the end: the way of scripts and of Blender without a window."""
        try:
            self._begin(context)
            for event in self._run.wait():
                self._hear(context, event)
            return self._end(context)
        except RunError as error:
            return _told(self, error)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Run beside the window, which goes on."""
        try:
            self._begin(context)
        except RunError as error:
            return _told(self, error)
        self._timer = context.window_manager.event_timer_add(EVERY_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Show how far it is; Esc ends it."""
        if event.type == "ESC":
            self._run.stop()
            self._leave(context)
            self.report({"WARNING"}, "fit-avatar was stopped; the next run continues where it was.")
            return {"CANCELLED"}
        if event.type == "TIMER":
            for each in self._run.news():
                self._hear(context, each)
            if self._run.over:
                self._leave(context)
                try:
                    return self._end(context)
                except RunError as error:
                    return _told(self, error)
        return {"PASS_THROUGH"}

    def _begin(self, context: Context) -> None:
        self._run = Run(arguments(context.scene.fit_avatar, program(context)))
        context.scene.fit_avatar.stage, context.scene.fit_avatar.done = "starting", 0.0

    def _hear(self, context: Context, event: dict[str, Any]) -> None:
        settings = context.scene.fit_avatar
        if event["event"] == "start":
            settings.stage, settings.done = event["stage"], 0.0
        elif event["event"] == "progress":
            settings.done = event["done"] / max(event["total"], 1)
        elif event["event"] == "summary":
            for warning in event["warnings"]:
                self.report({"WARNING"}, warning)
        for area in context.screen.areas if context.screen else ():
            area.tag_redraw()

    def _end(self, context: Context) -> set[str]:
        context.scene.fit_avatar.stage = ""
        self._run.check()
        folder = results_of(context.scene.fit_avatar)
        found = import_results(context, folder)
        self.report({"INFO"}, f"{len(found)} avatar(s) from {folder}")
        return {"FINISHED"}

    def _leave(self, context: Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.scene.fit_avatar.stage = ""


class ImportOperator(Operator):
    """Import a folder that fit-avatar has written."""

    bl_idname, bl_label = "fit_avatar.import_results", "Import results"
    directory: StringProperty(subtype="DIR_PATH")  # type: ignore[valid-type]

    def execute(self, context: Context) -> set[str]:
        """Import it."""
        try:
            import_results(context, Path(bpy.path.abspath(self.directory)))
        except RunError as error:
            return _told(self, error)
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class BakeOperator(Operator, ExportHelper):
    """Write the avatar with its motion as FBX."""

    bl_idname, bl_label, filename_ext = "fit_avatar.bake_fbx", "Bake to FBX", ".fbx"

    def execute(self, context: Context) -> set[str]:
        """Write it."""
        active = context.view_layer.objects.active
        chosen = active.find_armature() if active and active.type == "MESH" else active
        if chosen is None or not isinstance(chosen.data, Armature):
            chosen = next((each for each in context.scene.objects if isinstance(each.data, Armature)), None)
        if chosen is None:
            return _told(self, RunError("The scene has no avatar. Import one."))
        bake_fbx(Path(self.filepath), chosen)
        return {"FINISHED"}


class FitPanel(Panel):
    """The add-on's panel."""

    bl_idname, bl_label = "VIEW3D_PT_fit_avatar", "fit-avatar"
    bl_space_type, bl_region_type, bl_category = "VIEW_3D", "UI", "fit-avatar"

    def draw(self, context: Context) -> None:
        """Show options and buttons, or how far a run is."""
        settings, layout = context.scene.fit_avatar, self.layout
        for name in ("video", "folder", "height_m", "more"):
            layout.prop(settings, name)
        if settings.stage:
            layout.label(text=f"{settings.stage} {settings.done:.0%} (Esc to stop)")
        else:
            layout.operator(FitOperator.bl_idname, icon="ARMATURE_DATA")
        layout.operator(ImportOperator.bl_idname, icon="IMPORT")
        layout.operator(BakeOperator.bl_idname, icon="EXPORT")


def _told(operator: Operator, error: RunError) -> set[str]:
    operator.report({"ERROR"}, str(error))
    return {"CANCELLED"}


CLASSES = (Settings, Preferences, FitOperator, ImportOperator, BakeOperator, FitPanel)


def register() -> None:
    """Add the panel and its operators to Blender."""
    for each in CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.fit_avatar = PointerProperty(type=Settings)


def unregister() -> None:
    """Remove them."""
    del bpy.types.Scene.fit_avatar
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
