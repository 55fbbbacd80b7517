"""The ``neighbors`` command: where particles stand to one another, and whether that is more than chance."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.spatial.autocorrelation import Autocorrelation, autocorrelation
from napari_tomodrgn.analysis.spatial.blocks import blocks
from napari_tomodrgn.analysis.spatial.cautions import cautions
from napari_tomodrgn.analysis.spatial.chains import ChainRule, Chains, find_chains
from napari_tomodrgn.analysis.spatial.cooccurrence import Cooccurrence, cooccurrence
from napari_tomodrgn.analysis.spatial.directions import DirectionTest, direction_test, directions, relative_angles
from napari_tomodrgn.analysis.spatial.enrichment import Enrichment, enrichment
from napari_tomodrgn.analysis.spatial.handedness import Handedness, handedness
from napari_tomodrgn.analysis.spatial.labelling import Labelling, class_column, labels_of_run, read_labelling
from napari_tomodrgn.analysis.spatial.local_shares import ABOUT, LocalPairs
from napari_tomodrgn.analysis.spatial.nearest import Neighbours, nearest
from napari_tomodrgn.analysis.spatial.options import NeighborsOptions, interval, vector
from napari_tomodrgn.analysis.spatial.pair_correlation import PairCorrelation, pair_correlation
from napari_tomodrgn.analysis.spatial.places import Floats, Places, places_of
from napari_tomodrgn.analysis.spatial.segmentation import distance_to_segment
from napari_tomodrgn.analysis.spatial.volumes_by_tomogram import files_of_tomograms, read_label_volume
from napari_tomodrgn.analysis.spatial.window import Window, hull, mask_window
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import refuse_existing
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

log = logging.getLogger("napari_tomodrgn")

BLOCK = 8  # particles, the fewest of a block
FOLLOWS = 0.1  # p of Moran's I, up to which labels are taken to follow position
ALL = "all"  # the name of results without classes


@dataclass(frozen=True)
class Neighbourhood:
    """What was found of N particles; what was not asked for, or can't be said, is ``None``.

    Attributes
    ----------
    options
        What was asked.
    folder
        Where the results belong.
    places
        The particles, ordered by tomogram; all that follows is in their order.
    neighbours
        The nearest of each.
    direction, angle
        (N, k, 3) unit vectors to them in the consensus frame, and (N, k) degrees between orientations.
    labelling
        Classes.
    follows
        Moran's I of the classes beyond the neighbours counted.
    null
        How labels were dealt out: ``tomogram`` or ``blocks``.
    box_diameter
        Å, of the images, ``None`` where it is not known.
    learned_in
        Å, the box that the classes were learned in, ``None`` where that is not known.
    flipped
        Whether maps are written in the other hand than that of the tomograms.
    warnings
        A sentence for each thing to be careful about.
    enrichment, directions, pair_correlation
        Held against chance.
    chains, chain_rule, handedness
        Where a direction was given.
    beside, cooccurrence
        A second labelling, and how often its classes and those of the first meet.
    segment_distance
        (N,) Å to the segmentation, NaN in tomograms that have none.
    """

    options: NeighborsOptions
    folder: Path
    places: Places
    neighbours: Neighbours
    direction: Floats | None
    angle: Floats | None
    labelling: Labelling | None
    box_diameter: float | None
    learned_in: float | None
    flipped: bool
    warnings: tuple[str, ...] = ()
    follows: Autocorrelation | None = None
    null: str | None = None
    enrichment: Enrichment | None = None
    directions: DirectionTest | None = None
    pair_correlation: PairCorrelation | None = None
    chains: Chains | None = None
    chain_rule: ChainRule | None = None
    handedness: Handedness | None = None
    beside: Labelling | None = None
    cooccurrence: Cooccurrence | None = None
    segment_distance: Floats | None = None


def neighbors(options: NeighborsOptions) -> Neighbourhood:
    """Find the neighbours of particles and hold them against chance; writes nothing.

    Raises
    ------
    InputError
        Where a file can't be read, particles have no coordinates or no neighbours, labels are of other particles, or
        the output exists.
    """
    run = _opened_run(options)
    if run is not None and options.epoch is not None and run.latent_dim:
        run.latents(options.epoch)  # or it is said which epochs there are
    analysis = None if run is None else AnalysisFolder(run.path, options.epoch or run.chosen_epoch)
    labels = labels_of_run(analysis, options.labels) if analysis else options.labels
    particle_set = _particles(options, run)
    places = places_of(particle_set)
    some = options.selection is not None
    labelling = read_labelling(labels, places.ids, some=some) if labels else class_column(particle_set, places.ids)
    folder = _folder(options, analysis, labelling)
    refuse_existing(folder, options.overwrite)
    beside = None
    if options.beside is not None:
        path = labels_of_run(analysis, options.beside, "--beside") if analysis else options.beside
        assert path is not None
        beside = read_labelling(path, places.ids, some=some)
    _refuse_alone(places, particle_set.source.path)
    diameter = particle_set.box * particle_set.pixel_size
    return neighbourhood(
        options if analysis is None else options.model_copy(update={"epoch": analysis.epoch}),
        places,
        labelling,
        beside,
        folder=folder,
        box_diameter=diameter if diameter > 0 else None,
        learned_in=None if labels is None else _box_of_run_about(labels),
        flipped=particle_set.forward_model.map_hand == "flip",
    )


def neighbourhood(
    options: NeighborsOptions,
    places: Places,
    labelling: Labelling | None = None,
    beside: Labelling | None = None,
    *,
    folder: Path,
    box_diameter: float | None = None,
    learned_in: float | None = None,
    flipped: bool = False,
) -> Neighbourhood:
    """Find the neighbours of particles at given places, of which at least two are in one tomogram.

    Raises
    ------
    InputError
        Where a segmentation or a mask can't be read, or chains are asked for without orientations.
    """
    segment = _segment_distance(options, places)
    windows = _windows(options, places)
    further = nearest(places, options.nearest + ABOUT)
    neighbours = further.columns(0, options.nearest)
    found = Neighbourhood(
        options,
        folder,
        places,
        neighbours,
        directions(places, neighbours, flipped=flipped),
        relative_angles(places, neighbours),
        labelling,
        box_diameter,
        learned_in,
        flipped,
        beside=beside,
        segment_distance=segment,
    )
    found = _with_directions(found)
    found = _with_pair_correlation(found, windows)
    found = _with_chains(found)
    found = _with_classes(found, further)
    return replace(found, warnings=cautions(found))


def _refuse_alone(places: Places, path: Path) -> None:
    if places.sizes.max() < 2:
        count = len(places.tomograms)
        held = f"each of the {count} tomograms holds one particle" if count > 1 else "there is one particle only"
        raise InputError(f"{path}: {held}, so none has a neighbour; give all particles of each tomogram")


def _opened_run(options: NeighborsOptions) -> Run | None:
    """Return the run that the particles are of, ``None`` where they are those of a star."""
    if not (options.particles.is_dir() or options.particles.name == "run.json"):
        if options.epoch is not None:
            raise InputError(f"--epoch: {options.particles} is no run, so it has no epochs; leave it out")
        return None
    run = Run.open(options.particles)
    for name, field in DataOptions.model_fields.items():
        if name not in ("particles", "selection") and getattr(options, name) != field.default:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{run.path}: a run's particles are opened as they were trained on; leave {option} out")
    return run


def _particles(options: NeighborsOptions, run: Run | None) -> ParticleSet:
    if run is None:
        return options.open()
    from napari_tomodrgn.particles.selection import Selection

    particle_set = run.particle_set()
    return particle_set.select(sorted(Selection.load(options.selection).ids)) if options.selection else particle_set


def _folder(options: NeighborsOptions, analysis: AnalysisFolder | None, labelling: Labelling | None) -> Path:
    """Return where the results belong."""
    if options.outdir is not None:
        return options.outdir
    if analysis is None:
        raise InputError(f"--outdir: is needed, as {options.particles} is no run that results could be kept in")
    return analysis.neighbours(options.name or (labelling.name if labelling else ALL))


def _box_of_run_about(labels: Path) -> float | None:
    """Return the box in Å of the run whose folder labels lie in, ``None`` where they lie in none."""
    for folder in labels.absolute().parents:
        if (folder / layout.DOCUMENT).is_file():
            data = Run.open(folder).document["data"]
            box, pixel_size = data.get("box"), data.get("pixel_size")
            return float(box * pixel_size) if box and pixel_size else None
    return None


def _segment_distance(options: NeighborsOptions, places: Places) -> Floats | None:
    """Return (N,) Å to the segmentation, NaN in tomograms that have none."""
    if options.segmentation is None:
        return None
    result = np.full(len(places), np.nan)
    files = files_of_tomograms(options.segmentation, places.tomograms, "--segmentation")
    for tomogram, path in enumerate(files):
        if path is not None:
            rows = places.rows_of(tomogram)
            volume = read_label_volume(path)
            volume.refuse_elsewhere(places.position[rows])
            result[rows] = distance_to_segment(places.position[rows], volume, options.segment)
    return result


def _windows(options: NeighborsOptions, places: Places) -> Iterator[Window | None]:
    """Return the window of each tomogram; what can't be read is refused before anything is worked out."""
    if options.window is None:
        return (hull(places.position[places.rows_of(tomogram)]) for tomogram in range(len(places.tomograms)))
    files = files_of_tomograms(options.window, places.tomograms, "--window")
    volumes = [None if path is None else read_label_volume(path) for path in files]
    for tomogram, volume in enumerate(volumes):
        if volume is None:
            continue
        volume.refuse_elsewhere(places.position[places.rows_of(tomogram)])
        if not any(section.any() for section in volume.values):
            raise InputError(f"{volume.path}: is 0 everywhere; give a mask of where particles were looked for")
    return (None if each is None else mask_window(np.asarray(each.values) != 0, each.voxel) for each in volumes)


def _with_directions(found: Neighbourhood) -> Neighbourhood:
    options = found.options
    test = direction_test(
        found.places,
        found.neighbours.columns(0, 1),
        flipped=found.flipped,
        permutations=options.permutations,
        seed=options.seed,
    )
    return replace(found, directions=test)


def _with_pair_correlation(found: Neighbourhood, windows: Iterator[Window | None]) -> Neighbourhood:
    options, distance = found.options, found.neighbours.distance[:, 0]
    radius = options.radius or 5 * float(np.nanmedian(distance))
    apart = float(np.nanmin(distance)) if options.apart is None else options.apart
    if radius <= 0:
        return found
    correlation = pair_correlation(
        found.places, windows, radius, apart, replicates=options.replicates, seed=options.seed
    )
    return replace(found, pair_correlation=correlation)


def _with_chains(found: Neighbourhood) -> Neighbourhood:
    options = found.options
    if options.chain_direction is None:
        return found
    if options.chain_direction == "peak":
        if found.directions is None:
            raise InputError(
                "--chain-direction peak: no neighbour has a known direction, as orientations are not known or all "
                "stand in one place; give X,Y,Z or leave it out"
            )
        x, y, z = found.directions.cells.centres[found.directions.peak].tolist()
        direction = (x, y, z)
    else:
        direction = vector(options.chain_direction)
    typical = float(np.nanmedian(found.neighbours.distance[:, 0]))
    low, high = interval(options.chain_distance) if options.chain_distance else (0.0, 2 * typical)
    rule = ChainRule(
        direction, vector(options.chain_back) if options.chain_back else None, options.chain_angle, low, high
    )
    chains = find_chains(found.places, rule, flipped=found.flipped)
    wound = handedness(found.places, chains, flipped=found.flipped)
    return replace(found, chains=chains, chain_rule=rule, handedness=wound)


def _with_classes(found: Neighbourhood, further: Neighbours) -> Neighbourhood:
    """Return what is found with what the classes say, where there are two or more."""
    labelling, options, places = found.labelling, found.options, found.places
    if labelling is None:
        return found
    if found.beside is not None:
        both = cooccurrence(
            labelling.codes,
            found.beside.codes,
            (len(labelling.names), len(found.beside.names)),
            places.tomogram,
            replicates=options.replicates,
            seed=options.seed,
        )
        found = replace(found, cooccurrence=both)
    if (labelling.sizes > 0).sum() < 2:
        return found
    classes = len(labelling.names)
    about = further.columns(options.nearest, further.k)
    follows = autocorrelation(places, about, labelling.codes, classes, seed=options.seed)
    null = ("blocks" if follows.p <= FOLLOWS else "tomogram") if options.null == "auto" else options.null
    in_blocks = null == "blocks"
    result = enrichment(
        places,
        found.neighbours,
        labelling.codes,
        classes,
        blocks(places, BLOCK) if in_blocks else places.tomogram,
        LocalPairs(places, found.neighbours, about) if in_blocks else None,
        permutations=options.permutations,
        replicates=options.replicates,
        seed=options.seed,
    )
    return replace(found, follows=follows, null=null, enrichment=result)
