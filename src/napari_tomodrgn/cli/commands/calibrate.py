"""``napari-tomodrgn calibrate``."""

import typer

from napari_tomodrgn.analysis.calibrate_options import CalibrateOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written


def _run(options: CalibrateOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.calibration import calibrate
    from napari_tomodrgn.figures.calibration import save_calibration

    path, found = calibrate(options)
    written = save_calibration(found, path, figures=options.figures)
    if as_json:
        show_json(found.document())
        return
    typer.echo(found.verdict)
    typer.echo(f"factor {found.factor:.3g} ({found.low:.3g} to {found.high:.3g}), of {found.particles} particles")
    show_written(*written)


COMMAND = Command(
    CalibrateOptions,
    _run,
    has_json=True,
    details="Infers each particle's latent from either half of its tilt images and holds their disagreement against "
    "the posterior widths. Writes RUN/analysis/epoch-NNNN/calibration.json: the factor by which widths are wrong, and "
    "whether they tell which particles are uncertain.",
)
