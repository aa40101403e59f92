"""The page itself, in Gradio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fit_avatar.app import show
from fit_avatar.app.choices import EXPORTS, FRAMES, GARMENTS, HAIR, METHODS, QUALITIES, SHOES, TEXTURES, Choices
from fit_avatar.app.jobs import Jobs, Progress
from fit_avatar.app.options import AppOptions
from fit_avatar.errors import FitAvatarError

TITLE = "fit-avatar"
ABOUT = (
    "# fit-avatar\nFilm one person with a camera that stands still, the whole person in the picture, arms held away "
    "from the body, one slow full turn. Everything is computed on this machine; video and results are deleted after "
)
STYLE = """
.stages, .files { list-style: none; padding: 0; } .stages progress { width: 12em; vertical-align: middle; }
.files li { display: inline-block; margin: 0 1em 0.4em 0; }
.refused { border-left: 5px solid #b5440b; padding: 0.4em 0.8em; }
iframe { width: 100%; height: 80vh; border: 1px solid #8884; border-radius: 8px; }
"""
CHECK_S = 60
"""Seconds between two looks of Gradio for uploads that nobody used."""


def build(gr: Any, jobs: Jobs, options: AppOptions) -> Any:
    """Return the page's blocks. ``gr``: the module of Gradio"""

    def fit(video: str | None, *values: Any) -> Iterator[tuple[str, Any]]:
        """Yield what is told, and beside it a first avatar, which goes on turning until the whole one is there."""
        if not video:
            yield show.refusal("there is no video yet: drop one, or film with the webcam"), ""
            return
        shown = None
        try:
            for told in jobs.run(Path(video), Choices(*values).config()):
                if isinstance(told, Progress):
                    yield show.progress(told), gr.skip() if told.first == shown else show.first_avatar(told.first)
                    shown = told.first
                else:
                    yield show.result(*told), ""
        except FitAvatarError as error:
            yield show.refusal(str(error)), ""

    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(CHECK_S, int(60 * options.keep_min) or 1)
    ) as blocks:
        gr.Markdown(f"{ABOUT}{options.keep_min:g} minutes.")
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                video = gr.Video(
                    label=f"Video, up to {options.max_seconds:g} s and {options.max_mb} MB",
                    sources=["upload", "webcam"], webcam_options=gr.WebcamOptions(mirror=False), include_audio=False,
                    buttons=[], height=300, elem_id="video",
                )  # fmt: skip
                video.preprocess = _place_of
                height = gr.Textbox(
                    label="Height in metres, without shoes", placeholder="1.75; empty: estimated", elem_id="height",
                    max_length=20,
                )  # fmt: skip
                method = gr.Radio(list(METHODS), value=next(iter(METHODS)), label="What the person does")
                quality = gr.Radio(list(QUALITIES), value="balanced", label="Quality")
                with gr.Accordion("More", open=False):
                    focal = gr.Textbox(
                        label="Focal length in mm, as of a 35 mm camera (--focal-35mm)",
                        placeholder="26; empty: estimated", elem_id="focal", max_length=20,
                    )  # fmt: skip
                    texture = gr.Dropdown(list(TEXTURES), value=2048, label="Texture, pixels on a side")
                    frames = gr.Dropdown(list(FRAMES), value=120, label="Frames that are used, at most")
                    exports = gr.CheckboxGroup(list(EXPORTS), value=[], label="Further files")
                    shoes = gr.Dropdown(list(SHOES), value=next(iter(SHOES)), label="Feet")
                    garment = gr.Dropdown(list(GARMENTS), value=next(iter(GARMENTS)), label="What covers the legs")
                    hair = gr.Dropdown(list(HAIR), value=next(iter(HAIR)), label="Long hair and ponytails as surfaces")
                    delight = gr.Checkbox(value=False, label="Remove the light of the scene from the texture")
                    preview = gr.Checkbox(value=True, label="Show a first avatar early (ten seconds more in all)")
                start = gr.Button("Make the avatar", variant="primary", elem_id="start")
                stop = gr.Button("Stop", elem_id="stop")
            with gr.Column(scale=2, min_width=480):
                told = gr.HTML(elem_id="told")
                first = gr.HTML(elem_id="first")
        worn = [shoes, garment, hair]
        given = [video, height, focal, method, quality, texture, frames, exports, *worn, delight, preview]
        running = start.click(
            fit, given, [told, first], concurrency_limit=1, trigger_mode="once", show_progress="minimal",
            scroll_to_output=True, api_visibility="private",
        )  # fmt: skip
        stop.click(None, cancels=[running], api_visibility="private")
    blocks.queue(max_size=options.queue, default_concurrency_limit=1, api_open=False)
    return blocks


def _place_of(payload: Any) -> str | None:
    """Return where an upload is, without looking at it: Gradio itself would let FFmpeg take the sound away."""
    return None if payload is None else payload.path
