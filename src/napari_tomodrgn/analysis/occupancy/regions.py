"""The regions that options ask for: parts of a model as it lies in the maps, masks from files, spheres."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.fitting.placement import read_placement
from napari_tomodrgn.analysis.occupancy.masks import Frame, Region, Whole, model_regions
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import model_files, read_atoms, without_waters
from napari_tomodrgn.particles.maps import UNSET_PIXEL_SIZES, flip_hand, read_map

SAME_PIXEL = 0.01  # share by which a mask's voxels may differ from the maps'
SPHERE_EDGE = 1.0  # voxels over which a sphere's mask falls from 1 to 0


def asked_regions(
    options: OccupancyOptions, frame: Frame, origin: tuple[float, float, float]
) -> tuple[list[Region], Whole | None]:
    """Return the regions to measure, and the whole model where there is one.

    Raises
    ------
    InputError
        Where nothing is asked for, or a model, fit, mask or sphere can't be used.
    """
    for name in ("parts", "fit", "resolution"):
        if getattr(options, name) and not options.model:
            raise InputError(f"--{name}: needs an atomic model; give --model")
    if options.normalise == "volume" and not options.model:
        raise InputError("--normalise volume: needs the whole model to divide by; give --model, or another --normalise")
    regions, whole = _of_model(options, frame, origin) if options.model else ([], None)
    regions = regions + [_of_mask(path, frame) for path in options.mask]
    regions += [sphere_region(text, frame) for text in options.sphere]
    if not regions:
        raise InputError("what to measure? Give --model FILE, --mask FILE or --sphere Z,Y,X,R")
    names = [region.name for region in regions]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"two columns would be named {twice}; rename one of the files, or name a part with --parts")
    return regions, whole


def _of_model(
    options: OccupancyOptions, frame: Frame, origin: tuple[float, float, float]
) -> tuple[list[Region], Whole]:
    atoms = without_waters(read_atoms(model_files(options.model)))
    flip = False
    if options.fit is None:
        atoms = replace(atoms, position=atoms.position - np.array(origin))
    else:
        placement = read_placement(options.fit)
        atoms, flip = placement.in_box(atoms, frame.box, frame.pixel_size), placement.hand == "flip"
    regions, whole = model_regions(
        atoms, frame, parts=options.parts, resolution=options.resolution, share=options.enclosed
    )
    if flip:  # the model lies in the mirrored maps
        regions = [replace(region, mask=flip_hand(region.mask)) for region in regions]
        whole = replace(whole, density=flip_hand(whole.density), mask=np.roll(whole.mask[::-1], 1, axis=0))
    return regions, whole


def _of_mask(path: Path, frame: Frame) -> Region:
    found = read_map(path)
    if found.box != frame.box:
        raise InputError(f"{path}: has {found.box}³ voxels, the maps have {frame}; make the mask on one of them")
    if (
        round(found.pixel_size, 6) not in UNSET_PIXEL_SIZES
        and abs(found.pixel_size - frame.pixel_size) > SAME_PIXEL * frame.pixel_size
    ):
        raise InputError(
            f"{path}: has voxels of {found.pixel_size:.4g} Å, the maps have {frame}; make the mask on one of them, or "
            "write the right voxel size into its header"
        )
    low, high = float(found.values.min()), float(found.values.max())
    if low < -1e-4 or high > 1 + 1e-4:
        raise InputError(f"{path}: has values from {low:.4g} to {high:.4g}; expected a mask, from 0 to 1")
    if not high > 0:
        raise InputError(f"{path}: is 0 everywhere; give a mask of something")
    return Region(path.name.partition(".")[0], found.values, float(found.values.sum(dtype=np.float64)))


def sphere_region(text: str, frame: Frame) -> Region:
    """Return the region of a sphere ``Z,Y,X,R`` in Å, soft at its edge.

    Raises
    ------
    InputError
        Where the text is none, or the sphere holds no voxel of the box.
    """
    expected = f"--sphere {text}: expected centre and radius in Å, as 200,180,210,30"
    try:
        z, y, x, radius = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(expected) from error
    if not (np.isfinite([z, y, x]).all() and 0 < radius < np.inf):
        raise InputError(expected)
    steps = np.arange(frame.box) * frame.pixel_size
    distance = np.sqrt((steps[:, None, None] - z) ** 2 + (steps[:, None] - y) ** 2 + (steps - x) ** 2)
    mask = np.clip((radius - distance) / (SPHERE_EDGE * frame.pixel_size) + 0.5, 0, 1).astype(np.float32)
    if not mask.any():
        raise InputError(f"--sphere {text}: holds no voxel of the maps of {frame}; they reach from 0 to "
                         f"{frame.box * frame.pixel_size:.0f} Å")  # fmt: skip
    return Region(f"sphere {z:g} {y:g} {x:g} {radius:g}", mask, float(mask.sum(dtype=np.float64)))
