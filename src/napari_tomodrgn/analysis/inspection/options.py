"""The options of ``inspect``."""

from pathlib import Path

from pydantic import Field

from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.seeds import LARGEST_SEED


class InspectOptions(DataOptions):
    """Check what is assumed about the images against the images: contrast, CTF, weights, poses, hands."""

    outdir: Path | None = Field(
        None,
        description="Folder for inspect.json, inspect.png, a quick backprojection, inspect.mrc, and the weights of "
        "tilt images, weights.csv and .png.",
    )
    reference: Path | None = Field(None, description="Map (MRC) of known hand to compare the backprojection with.")
    model: tuple[Path, ...] = Field(
        (), description="Atomic model (PDB or mmCIF) to compare it with instead; repeat it for the parts of one model."
    )
    reference_pixel_size: float | None = Field(
        None, gt=0, description="Å per voxel of the reference, where its header is wrong or has none."
    )
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="Seed of the sample of particles that is looked at, and of its halves."
    )
    overwrite: bool = Field(False, description="Replace an inspection that is there already.")
