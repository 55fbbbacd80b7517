"""The two programs: ``napari-tomodrgn COMMAND`` and ``napari-tomodrgn-train``.

A command's module, and with it the room it belongs to, is imported only when that command is asked for.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from napari_tomodrgn.cli.exits import PROGRAM, exit_code_of
from napari_tomodrgn.cli.logs import set_up
from napari_tomodrgn.cli.options import CONTEXT, VERSION, build, build_group

SUMMARIES = {
    "demo": "Simulate, train, analyse and select; needs no file.",
    "simulate": "Simulate a tilt-series particle stack with a known truth.",
    "inspect": "Check colour, CTF, dose, hands and pixel size of a data set.",
    "downsample": "Fourier-crop images to a smaller box with larger pixels.",
    "crop": "Cut images to a smaller box with the same pixels.",
    "train": "Train on particles: latents and volumes, or a decoder alone.",
    "reconstruct": "One map of a particle set: decoder-only or backprojection.",
    "embed": "Latents of new images through a trained encoder.",
    "volumes": "Decode volumes of particles, classes or latents to MRC files.",
    "analyze": "PCA, UMAP, clusters, class volumes and figures of a run.",
    "ensemble": "Components, classes and likeness of every particle's volume.",
    "converge": "Follow a training from epoch to epoch and recommend an epoch.",
    "traverse": "Volumes along a way through latent space, or by a column.",
    "compare": "Compare two runs or labellings on the particles both have.",
    "score": "Evidence of each particle for its class, by held-out tilts.",
    "nuisance": "Do latents follow tomogram, defocus, tilts, dose or view?",
    "calibrate": "Posterior widths held against latents of half the tilts.",
    "validate": "Test a class or selection against its images, three ways.",
    "fsc": "FSC of maps of any boxes and pixel sizes, on one axis.",
    "fit": "Fit an atomic model into a map: all rotations, both hands.",
    "occupancy": "Measure how much of each part of a model each volume has.",
    "neighbors": "Neighbours in the tomogram: who, how far, which way, by chance?",
    "select": "Filter particles and write stars in their own dialect.",
    "export": "Scenes, filled tomograms, coordinates for other programs.",
    "import-tomodrgn": "Take over a run of tomoDRGN, latents and volumes.",
    "info": "Say what a star file, an optimisation set or a run holds.",
    "clean": "Remove the epochs of a run that are no longer needed.",
}


def load_command(name: str) -> Any:
    """Import one subcommand's module and return its click command."""
    module = import_module(f"napari_tomodrgn.cli.commands.{name.replace('-', '_')}")
    if hasattr(module, "COMMANDS"):
        return build_group(module.COMMANDS, name, SUMMARIES[name], set_up)
    return build(module.COMMAND, name, SUMMARIES[name], set_up)


class LazyGroup(typer.core.TyperGroup):
    """A group that lists its commands from their summaries and imports the one that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command named first in ``args``, imported, and the arguments after it."""
        if args[0] in SUMMARIES:
            return args[0], load_command(args[0]), args[1:]
        resolved: tuple[str | None, Any, list[str]] = super().resolve_command(ctx, args)
        return resolved

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with their summaries, which are never cut off."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


app = typer.Typer(
    cls=LazyGroup,
    help="Structural heterogeneity in cryo-ET sub-tomograms: particles in, latents and volumes out.",
    context_settings=CONTEXT,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _common(version: Annotated[bool, VERSION] = False) -> None:
    """Take the options that stand before the command."""


def _listed_only() -> None:
    """Stand in for a command until it is asked for."""


for _name, _summary in SUMMARIES.items():
    app.command(_name, help=_summary)(_listed_only)


def _run(load: Callable[[], Any], program: str, arguments: list[str]) -> None:
    # Read when torch is loaded: threads that spin for long while they wait slow training several times on a machine
    # that somebody else uses too (docs/commands/train.md).
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")

    def work() -> None:
        command = load()
        if f"_{program}_COMPLETE".replace("-", "_").upper() in os.environ:
            command.main(arguments, prog_name=program)
        with command.make_context(program, list(arguments)) as context:
            command.invoke(context)

    sys.exit(exit_code_of(work, debug="--debug" in arguments))


def main(arguments: list[str] | None = None) -> None:
    """Run ``napari-tomodrgn`` with the process's arguments, or the given ones, and exit."""
    given = sys.argv[1:] if arguments is None else arguments
    _run(lambda: typer.main.get_command(app), PROGRAM, given or ["--help"])


def main_train(arguments: list[str] | None = None) -> None:
    """Run ``napari-tomodrgn-train``, which is ``napari-tomodrgn train``, and exit."""
    _run(lambda: load_command("train"), f"{PROGRAM}-train", sys.argv[1:] if arguments is None else arguments)
