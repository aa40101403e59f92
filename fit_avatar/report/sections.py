"""The sections of the report, which show ``metrics.json`` in words, tables and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fit_avatar.report.colours import confidence_colours, css_scale
from fit_avatar.report.plots import bars, frame_plot
from fit_avatar.report.repeat import command

Metrics = Mapping[str, Any]
ESTIMATED = "estimated"
"""How the source of the scale begins if the height was not given."""
COVERAGE_NOTE = (
    "Frames: number of frames that saw the median point of the part. Angle: between surface normal and line of sight "
    "in the best frame; 0° is straight on. Contour: distance between the contours of the masks and the surface. "
    "Expected: how far off the surface may be, by contours, by the distance along limbs, and by how their directions "
    "differ from the detector's; it is no measurement. The larger it is, and the fewer frames, the less confidence."
)


LIMBS_NOTE = (
    "Detector: median angle between the limb and its direction in 3D as the detector sees it in single frames. Frames "
    "off: of the frames that show the direction, those in which it is more than 50°. Doubtful: frames in which the "
    "forearm points to the camera and hides the elbow, so that the upper arm may point to the camera or away from it. "
    "Hidden: frames in which one end of the limb is not seen; behind others: of these, in which somebody else hides it."
)
KNOWN_NOTE = (
    "Shape and texture were given. The colours are for this clip alone; the report of the given avatar says which of "
    "its parts are measured."
)


def section(title: str, content: str, kind: str = "") -> str:
    """Return a titled section. ``content`` is HTML."""
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{content}</section>'


def facts(metrics: Metrics) -> str:
    """Return the most important numbers."""
    overlap, error = metrics["silhouette_iou"], metrics["keypoint_error_px"]["mean"]
    shown = [
        (
            f"{metrics['height_m']:.2f} m",
            f"height with hair and shoes, {'estimated' if scale_is_estimated(metrics) else 'by the given scale'}",
        ),
        (f"{overlap['mean']:.3f}", f"silhouette overlap (IoU), worst frame {overlap['min']:.3f}"),
        ("–" if error is None else f"{error:.1f} px", "keypoint error"),
        (f"{metrics['frames_used']}", f"frames used, {len(metrics['frames_left_out'])} left out"),
        (f"{metrics['seconds']['total']:.0f} s", "computing time"),
    ]
    cards = (f'<div class="fact"><b>{escape(value)}</b><span>{escape(label)}</span></div>' for value, label in shown)
    return f'<div class="facts">{"".join(cards)}</div>'


def warnings(metrics: Metrics) -> str:
    """Return what the user should know before using the result."""
    sentences = [f"Scale: {metrics['scale_source']}."] if scale_is_estimated(metrics) else []
    sentences += metrics["warnings"]
    if not sentences:
        return section("Before you use it", "<p>No warnings.</p>")
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return section("Before you use it", f"<ul>{items}</ul>", "warnings")


def scale_is_estimated(metrics: Metrics) -> bool:
    """Return whether the metric scale is estimated rather than given."""
    return str(metrics["scale_source"]).startswith(ESTIMATED)


def legend() -> str:
    """Return the legend of the confidence colours."""
    ends = '<span class="ends"><span>a guess</span><span>measured</span></span>'
    return f'<span class="scale" style="background:{css_scale()}"></span>{ends}'


def coverage(regions: Sequence[Mapping[str, Any]], pictures: str) -> str:
    """Return the table of the body's regions, if the clip determined the shape. ``pictures`` is HTML."""
    if not regions:
        note = f'<p class="quiet">{escape(KNOWN_NOTE)}</p>'
        return section("Which parts this clip shows", f"{pictures}{legend()}{note}")
    rows = []
    for region in regions:
        confidence = region["confidence"]
        red, green, blue = confidence_colours(confidence).tolist()
        meter = f'<i style="width:{100 * confidence:.0f}%;background:rgb({red},{green},{blue})"></i>'
        rows.append(
            f"<tr><td>{escape(region['name'])}</td>"
            f'<td>{100 * confidence:.0f} %<span class="meter">{meter}</span></td>'
            f'<td class="number">{region["frames"]}</td>'
            f'<td class="number">{_number(region["best_angle_deg"], "°")}</td>'
            f'<td class="number">{_number(region["contour_error_mm"], " mm")}</td>'
            f'<td class="number">{_number(region.get("expected_error_mm"), " mm")}</td></tr>'
        )
    head = (
        '<tr><th>part</th><th>confidence</th><th class="number">frames</th><th class="number">angle</th>'
        '<th class="number">contour</th><th class="number">expected</th></tr>'
    )
    note = f'<p class="quiet">{escape(COVERAGE_NOTE)}</p>'
    table = f"<table>{head}{''.join(rows)}</table>"
    return section("Which parts are measured and which are a guess", f"{pictures}{legend()}{table}{note}")


def limbs(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of how far each limb can be trusted over the clip; nothing where that was not looked at."""
    if not found:
        return ""
    rows = "".join(
        f"<tr><td>{escape(limb['name'])}</td>"
        f'<td class="number">{_number(limb["off_deg"], "°")}</td>'
        f'<td class="number">{limb["off"]} of {limb["compared"]}</td>'
        f'<td class="number">{limb["doubtful"]} of {limb["frames"]}</td>'
        f'<td class="number">{limb["hidden"]} of {limb["frames"]}</td>'
        f'<td class="number">{limb["behind"]} of {limb["frames"]}</td></tr>'
        for limb in found
    )
    titles = ("detector", "frames off", "doubtful", "hidden", "behind others")
    head = "<th>limb</th>" + "".join(f'<th class="number">{title}</th>' for title in titles)
    note = f'<p class="quiet">{escape(LIMBS_NOTE)}</p>'
    return section("How far the limbs can be trusted", f"<table><tr>{head}</tr>{rows}</table>{note}")


def measurements(metrics: Metrics) -> str:
    """Return the table of the body's measurements with their definitions."""
    rows = "".join(
        f'<tr><td>{escape(each["name"])}<div class="definition">{escape(_definition(each))}</div></td>'
        f'<td class="number">{100 * each["metres"]:.1f} cm</td></tr>'
        for each in metrics["measurements"]
    )
    note = "Taken on the avatar in the T-pose. Girths are those of a tight tape around the clothes."
    if scale_is_estimated(metrics):
        note += " The scale is estimated, so all of them share its error; give the person's height to fix it."
    return section("Measurements", f'<table>{rows}</table><p class="quiet">{escape(note)}</p>')


def frame_plots(metrics: Metrics) -> str:
    """Return the plots over the frames, and the reasons for which frames were left out."""
    frames = [frame["frame_index"] for frame in metrics["frames"]]
    left_out = [each["frame_index"] for each in metrics["frames_left_out"]]
    overlap = [frame["silhouette_iou"] for frame in metrics["frames"]]
    error = [frame["keypoint_error_px"] for frame in metrics["frames"]]
    plots = frame_plot("Silhouette overlap (IoU) by frame", frames, overlap, left_out, high=1.0)
    plots += frame_plot("Keypoint error in pixels by frame", frames, error, left_out, low=0.0)
    return section("Frame by frame", f'<div class="columns">{plots}</div>{left_out_list(metrics["frames_left_out"])}')


def left_out_list(left_out: Sequence[Mapping[str, Any]]) -> str:
    """Return the frames that were left out, by reason."""
    if not left_out:
        return '<p class="quiet">No frame was left out.</p>'
    by_reason: dict[str, list[int]] = {}
    for each in left_out:
        by_reason.setdefault(each["reason"], []).append(each["frame_index"])
    items = "".join(f"<li>{escape(ranges(found))}: {escape(reason)}</li>" for reason, found in by_reason.items())
    return f"<p>Left out:</p><ul>{items}</ul>"


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers as text with consecutive ones joined: 3–5, 9."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)


def timing(metrics: Metrics) -> str:
    """Return a bar for the seconds of each stage."""
    stages = metrics["seconds"]["stages"]
    longest = max([stage["seconds"] for stage in stages] + [1e-9])
    rows = [
        (stage["name"], stage["seconds"] / longest, f"{stage['seconds']:.1f} s", kind)
        for stage in stages
        for kind in ("kept" if stage["kept_from_earlier_run"] else "",)
    ]
    note = " Pale bars were kept from an earlier run." if any(kind for *_, kind in rows) else ""
    total = f"{metrics['seconds']['total']:.0f} s in total, peak memory {metrics['peak_memory_gb']:.1f} GB.{note}"
    return section("Time", f'{bars(rows)}<p class="quiet">{escape(total)}</p>')


def repeat(metrics: Metrics) -> str:
    """Return the command, versions and options that reproduce the result."""
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(_plain(value))}</td></tr>"
        for table in (metrics["options"], metrics["sources"], {"camera": metrics["camera"]})
        for name, value in table.items()
    )
    packages = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in metrics["versions"].items())
    return section(
        "How to reproduce it",
        f"<pre>{escape(command(metrics['options']))}</pre>"
        f"<details><summary>Versions</summary><table>{packages}</table></details>"
        f"<details><summary>All options, sources and the camera</summary><table>{rows}</table></details>",
    )


def _definition(measurement: Mapping[str, Any]) -> str:
    level = measurement["level_m"]
    where = "" if level is None else f"; here {level:.2f} m above the sole"
    return f"{measurement['definition']}{where}"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.0f}{unit}"


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
