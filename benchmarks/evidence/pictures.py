"""The evidence page's figures, from what the parts left behind."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from discrete import Map, labels_of, matched_volumes
from matplotlib.axes import Axes
from sets import true_maps, truth

from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.validation.result import Validation
from napari_tomodrgn.figures.style import GREY, class_colours, new_figure, save, styled
from napari_tomodrgn.figures.validation import draw_validation
from napari_tomodrgn.runs.run import Run

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def draw_states(star: Path, run: Run) -> None:
    """Draw latents by true state, and slices of the true maps, the class volumes, and their differences."""
    known = truth(star, run.latents())
    states, maps = known["label"].to_numpy(), true_maps(star)
    volumes = matched_volumes(run, states, labels_of(run, known))
    with styled():
        figure = new_figure(10, 4.4)
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.55))
        _scatter(left.subplots(), principal_components(run.latents().z_mean).coordinates, states)
        _slices(right.subplots(4, len(maps)), maps, volumes)
        save(figure, PICTURES / "evidence-states", ("png",))


def draw_panel(validation: Validation) -> None:
    """Draw the panel of a validation."""
    with styled():
        save(draw_validation(validation), PICTURES / "evidence-validation", ("png",))


def _scatter(axes: Axes, coordinates: npt.NDArray[np.floating], states: npt.NDArray[np.int64]) -> None:
    for state, colour in enumerate(class_colours(int(states.max()) + 1)):
        own = coordinates[states == state]
        axes.scatter(own[:, 0], own[:, 1], s=5, color=colour, linewidths=0, label=f"state {state}")
    axes.set(title="Latents, by true state", xlabel="PC 1", ylabel="PC 2")
    axes.legend(markerscale=3)


def _slices(axes: npt.NDArray[Any], maps: list[Map], volumes: list[Map]) -> None:
    middle = len(maps[0]) // 2
    changes = [np.abs(one - other).sum(axis=(1, 2)) for one, other in itertools.pairwise(maps)]
    slabs = [int(each.argmax()) for each in changes]
    top = max(float(each[middle].max()) for each in maps)
    largest = max(float(np.abs(one - other).max()) for one, other in itertools.pairwise(maps))
    for state, (true, found) in enumerate(zip(maps, volumes, strict=True)):
        axes[0, state].set_title(f"state {state}")
        axes[0, state].imshow(true[middle], cmap="gray", vmin=0, vmax=top, origin="lower")
        axes[1, state].imshow(found[middle], cmap="gray", vmin=0, vmax=top, origin="lower")
        if state + 1 < len(maps):
            for row, group in ((2, maps), (3, volumes)):
                change = (group[state] - group[state + 1])[slabs[state]]
                axes[row, state].imshow(change, cmap="RdBu_r", vmin=-largest, vmax=largest, origin="lower")
    for row, name in enumerate(("truth", "class volume", "truth: less\nthe next state", "class: less\nthe next class")):
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    for each in axes.ravel():
        each.set(xticks=[], yticks=[])
        if not each.images:
            each.set_visible(False)


def draw_ablations(result: dict[str, Any]) -> None:
    """Draw what is lost where weights, mask, random tilts or tilts are taken away."""
    with styled():
        figure = new_figure(10, 3.1)
        panels = figure.subplots(1, 4)
        _against_epochs(panels[0], result["weights and mask"], "Weights and dose mask")
        _seconds(panels[1], result["weights and mask"])
        _against_epochs(panels[2], result["sampling"], "11 of 41 tilts a visit")
        _tilts(panels[3], result["tilts"])
        save(figure, PICTURES / "evidence-ablations", ("png",))


def _against_epochs(axes: Axes, arms: dict[str, list[dict[str, float]]], title: str) -> None:
    for (name, rows), colour in zip(arms.items(), class_colours(4), strict=False):
        axes.plot([row["epoch"] for row in rows], [row["fsc"] for row in rows], color=colour, label=name)
    axes.set(title=title, xlabel="epoch", ylabel="mean FSC with the truth")
    axes.legend()


def _seconds(axes: Axes, arms: dict[str, list[dict[str, float]]]) -> None:
    seconds = [float(np.median([row["seconds"] for row in rows])) for rows in arms.values()]
    axes.barh(list(arms), seconds, color=class_colours(4))
    axes.invert_yaxis()
    axes.set(title="Time", xlabel="seconds an epoch")


def _tilts(axes: Axes, rows: list[dict[str, Any]]) -> None:
    axes.plot([row["tilts"] for row in rows], [row["ari"] for row in rows], "o-", label="ARI")
    scattered = [row for row in rows if "dispersion" in row]
    axes.plot(
        [row["tilts"] for row in scattered], [row["dispersion"] for row in scattered], "s--", color=GREY,
        label="dispersion",
    )  # fmt: skip
    axes.set(title="Tilts at inference", xlabel="tilt images", ylim=(0, None))
    axes.legend()
