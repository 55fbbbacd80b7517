"""Pictures of a training: what was minimised, epoch by epoch."""

import pandas as pd
from matplotlib.axes import Axes

from napari_tomodrgn.figures.style import GREY, OKABE_ITO, empty, integer_ticks

_CURVES = (
    ("reconstruction", "reconstruction", OKABE_ITO[0], "-"),
    ("held_out_reconstruction", "held out", OKABE_ITO[5], "--"),
)


def draw_losses(axes: Axes, table: pd.DataFrame, epoch: int | None) -> None:
    """Draw the reconstruction errors of metrics.csv against the left axis and the KL divergence against the right one.

    The epoch that is shown elsewhere is marked.
    """
    axes.set_title("Training")
    if table.empty:
        empty(axes, "no metrics.csv beside this run")
        return
    handles = []
    for column, label, colour, dashes in _CURVES:
        if column in table and table[column].notna().any():
            known = table[table[column].notna()]
            handles += axes.plot(
                known["epoch"], known[column], color=colour, linestyle=dashes, label=label, marker=_marker(len(known))
            )
    axes.set_xlabel("epoch")
    axes.set_ylabel("squared error per pixel")
    if epoch is not None:
        axes.axvline(epoch, color=GREY, linewidth=0.8, linestyle=":")
    integer_ticks(axes.xaxis)
    if "kld" in table and table["kld"].notna().any():
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        handles += right.plot(
            table["epoch"], table["kld"], color=OKABE_ITO[1], label="KL divergence", marker=_marker(len(table))
        )
        right.set_ylabel("KL divergence (nats)")
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=len(handles), columnspacing=1)


def _marker(epochs: int) -> str:
    """Show a single epoch, which has no line."""
    return "o" if epochs == 1 else ""
