"""``napari-tomodrgn simulate``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.simulation.options import SimulateOptions


def _run(options: SimulateOptions, _as_json: bool) -> None:
    from napari_tomodrgn.simulation.simulate import simulate

    show_written(simulate(options))


COMMAND = Command(
    SimulateOptions,
    _run,
    details="Writes the star file, the stacks, one map a state and truth.csv (class, position and orientation of every "
    "particle), and prints the star file's path.",
)
