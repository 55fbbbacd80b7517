"""``napari-tomodrgn score``."""

from typing import TYPE_CHECKING

from napari_tomodrgn.analysis.scoring.options import ScoreOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_facts, show_json, show_written

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.scoring.score import Scores


def _run(options: ScoreOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.scoring.score import score
    from napari_tomodrgn.figures.scores import save_scores

    found = score(options)
    written = save_scores(found, figures=options.figures)
    if as_json:
        show_json(_document(found))
        return
    show_facts(_facts(found))
    show_written(*written)


def _document(found: "Scores") -> dict[str, object]:
    better = found.score < 0
    return {
        "labelling": found.labelling,
        "particles": len(found.ids),
        "better_in_another_class": int(better.sum()),
        "classes": [
            {
                "label": int(label),
                "particles": int((found.labels == label).sum()),
                "better_in_another_class": int(better[found.labels == label].sum()),
                "median_score": float(_median(found, int(label))),
            }
            for label in found.classes
        ],
        "table": found.path,
    }


def _median(found: "Scores", label: int) -> float:
    import numpy as np

    return float(np.median(found.score[found.labels == label]))


def _facts(found: "Scores") -> dict[str, str]:
    """Return what was found, a line each."""
    better = found.score < 0
    facts = {
        "labelling": found.labelling,
        "particles": f"{len(found.ids)}, {int(better.sum())} ({better.mean():.1%}) better explained by another class",
    }
    for label in found.classes:
        own = found.labels == label
        facts[found.names[label]] = (
            f"{int(own.sum())} particle{'s' * (int(own.sum()) != 1)}, {int(better[own].sum())} better in another; "
            f"median score {_median(found, int(label)):.3g} nats"
        )
    return facts


COMMAND = Command(
    ScoreOptions,
    _run,
    has_json=True,
    details="Backprojects the class volumes from half of every particle's tilt images and asks the other half which "
    "volume explains them best, and the other way round. Writes evidence-LABELLING.csv beside the epoch's labels: "
    "log-likelihoods of the own, the consensus and the runner-up class volume, and own less runner-up, in nats.",
)
