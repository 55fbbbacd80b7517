"""What a report says of the run itself: where it came from, how it was trained, and the methods paragraph."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from napari_tomodrgn.analysis.rule_trees import in_words
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.html import folded, picture, settings_table
from napari_tomodrgn.figures.methods import methods
from napari_tomodrgn.figures.pages import training_figure
from napari_tomodrgn.figures.style import png_of, styled
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.ancestry import Ancestor, ancestors
from napari_tomodrgn.runs.run import Run

TRAINING = (
    "What the training minimised, epoch by epoch, and what was held out of it. The dotted line marks the epoch that "
    "this page shows."
)


def lineage(run: Run) -> str:
    """Return the runs that a run came from as a tree, the oldest outermost, and the selections saved in it."""
    line = ancestors(run)
    if line:
        intro = "<p>Each run was trained on a selection of the one above it, or began with its weights.</p>"
    else:
        source = run.document["data"].get("source")
        intro = f"<p>It came from no other run{f', but from <code>{escape(str(source))}</code>' if source else ''}.</p>"
    inner = f"<li>{_run(run, here=True)}{_selections(run)}</li>"
    for ancestor in line:
        inner = f"<li>{_ancestor(ancestor)}<ul><li>{_step(ancestor)}</li>{inner}</ul></li>"
    return f'{intro}<ul class="tree">{inner}</ul>'


def _ancestor(ancestor: Ancestor) -> str:
    if ancestor.run is not None:
        return _run(ancestor.run)
    if ancestor.path is None:
        return "a data set that was not trained on"
    return f"<b>{escape(ancestor.path.name)}</b>: not found any more at <code>{escape(str(ancestor.path))}</code>"


def _step(ancestor: Ancestor) -> str:
    """Return how the next run came from one."""
    if ancestor.selection_name is None:
        return "its weights, to begin with"
    if ancestor.selection is None:
        return f"selection <b>{escape(ancestor.selection_name)}</b> (its file is gone)"
    return f"selection {_selection(ancestor.selection)}"


def _selections(run: Run) -> str:
    """Return the selections saved beside a run."""
    items = []
    for name in run.selections():
        try:
            items.append(f"<li>{_selection(run.selection(name))}</li>")
        except InputError as error:
            items.append(f"<li>{escape(str(error))}</li>")
    return f"<ul><li>selections saved in it:<ul>{''.join(items)}</ul></li></ul>" if items else ""


def _selection(selection: Selection) -> str:
    rule = f", {escape(in_words(selection.created_from))}" if selection.created_from else ""
    return f"<b>{escape(selection.name)}</b>: {len(selection):,} particles{rule}"


def _run(run: Run, *, here: bool = False) -> str:
    data, facts = run.document["data"], []
    if data.get("particles"):
        facts.append(f"{data['particles']:,} particles")
    if data.get("box") and data.get("pixel_size"):
        facts.append(f"{data['box']} px of {data['pixel_size']:.4g} Å")
    facts.append(f"latent of {run.latent_dim}" if run.latent_dim else "a decoder alone")
    if run.epochs:
        facts.append(f"{run.epochs[-1]} epochs")
    facts.append(run.status)
    mark = ' class="here"' if here else ""
    name = escape(run.path.resolve().name)
    return f"<b{mark}>{name}</b>: {escape(', '.join(facts))}<br><code>{escape(str(run.path.resolve()))}</code>"


def training(run: Run, epoch: int | None) -> str:
    """Return the losses as a picture."""
    with styled():
        return picture(png_of(training_figure(run.metrics(), epoch)), TRAINING)


def methods_section(run: Run, epoch: int | None, labellings: Sequence[Mapping[str, Any]]) -> str:
    """Return the methods paragraph and its references, which a click selects as a whole, and all settings."""
    text, references = methods(run, epoch, labellings)
    listed = "".join(f"<br>[{number}] {escape(reference)}" for number, reference in enumerate(references, 1))
    return (
        "<p>From what the run recorded; a click selects all of it. Check it as you would your own words.</p>"
        f'<div class="paste"><p>{escape(text)}</p><p>References{listed}</p></div>'
        + folded("Settings of the training", settings_table(run.settings))
    )
