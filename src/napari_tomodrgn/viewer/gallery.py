"""What the Class gallery knows: the classes of a column, the volume in the middle of each, and their labels. No Qt."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.analysis.rules import OfClasses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import BACKGROUND, Matrix, Picture, shaded
from napari_tomodrgn.viewer.class_centres import centre_rows
from napari_tomodrgn.viewer.class_labels import labelled_column, named
from napari_tomodrgn.viewer.colouring import Colour, legend_of
from napari_tomodrgn.viewer.meshes import Volume
from napari_tomodrgn.viewer.session import How, Session
from napari_tomodrgn.viewer.treatment import UNTREATED
from napari_tomodrgn.viewer.volume_panel import PREVIEW_BOX, VolumePanel, mean_latent
from napari_tomodrgn.viewer.volume_source import VolumeSource

MOST_CLASSES = 500  # that are shown, the largest
FINE_BOX, MOST_FINE = 48, 64  # px of the volumes of that many classes; of more they are smaller
GREY = (0.75, 0.78, 0.82)
SLAB_SHARE = 1 / 12  # of the box, the thickness of a slab
GREYS = (1.0, 99.5)  # percentiles that a slab spans
WITHIN, MARGIN = 99.0, 1.15  # percent of what is above the level that is in sight at least, and the room around it

View = Literal["surface", "slab"]
Order = Literal["class", "size", "CC", "label"]


@dataclass(frozen=True)
class ClassFacts:
    """A class as the gallery lists it.

    Attributes
    ----------
    code, name, size
        As in its column, the name as a person changed it.
    tomograms
        Over how many tomograms its particles spread.
    centre
        The row of the particle in its middle, -1 where none of its particles has a latent.
    colour
        Of its particles, or of its label where they are coloured by that.
    """

    code: int
    name: str
    size: int
    tomograms: int
    centre: int
    colour: Colour

    @property
    def spread(self) -> str:
        """Over how many tomograms, in words."""
        return f"{self.tomograms:,} tomogram{'' if self.tomograms == 1 else 's'}"


@cache
def _radius(box: int) -> npt.NDArray[np.int64]:
    """Return how far voxels (D, D, D) are from the middle, in whole px."""
    axis = np.arange(box) - box // 2
    squared = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
    radius: npt.NDArray[np.int64] = np.rint(np.sqrt(squared)).astype(np.int64)
    return radius


def correlation(one: Volume, other: Volume) -> float:
    """Return Pearson's correlation of two volumes (D, D, D), within the sphere that touches the box's faces."""
    box = len(one)
    axis = np.arange(box) - box // 2
    inside = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2) < (box // 2) ** 2
    first, second = one[inside].astype(np.float64), other[inside].astype(np.float64)
    first, second = first - first.mean(), second - second.mean()
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm else 0.0


class ClassGallery:
    """The classes of the column that colours the session's particles; of their labels, of the classes labelled.

    Attributes
    ----------
    column
        The column, ``None`` where particles are coloured by numbers.
    classes
        Its classes, by code; at most the 500 largest.
    left_out
        How many classes there are besides.
    volumes
        Those decoded so far, as decoded, by code.
    reference
        The class that others are compared with.
    label_colours
        The colour of each label, as particles have it that are coloured by labels.
    """

    def __init__(self, session: Session, panel: VolumePanel) -> None:
        self.session, self.panel = session, panel
        self.column: str | None = None
        self.classes: dict[int, ClassFacts] = {}
        self.left_out = 0
        self.volumes: dict[int, Volume] = {}
        self.reference: int | None = None
        self.label_colours: dict[str, Colour] = {}
        self._source: VolumeSource | None = None
        self._column: Classes | None = None
        self._correlations: dict[int, float] = {}
        self._treated: dict[int, Volume] = {}
        self._treatment = UNTREATED
        self._reach: dict[int, int] = {}  # px from the middle
        self._reach_look: object = None
        self._greys: tuple[float, float] | None = None

    # which classes

    def refresh(self) -> bool:
        """Look at the session again, and return whether its classes or the run are others than before.

        Raises
        ------
        InputError
            Where particles are not coloured by classes, or there is no run that has volumes; nothing is shown then.
        """
        session = self.session
        name = labelled_column(session.coloured_by or "")
        column = session.columns.get(name)
        if not isinstance(column, Classes):
            self.forget()
            raise InputError(f"coloured by {session.coloured_by}: colour by classes to see the volume of each")
        sizes = column.sizes
        try:
            source = self.panel.source(FINE_BOX if (sizes > 0).sum() <= MOST_FINE else PREVIEW_BOX)
        except InputError:
            self.forget()
            raise
        same = self._column is not None and self.column == name and source is self._source
        same = same and self._column is not None and column.digest == self._column.digest
        if not same:
            self.forget()
            self.column, self._column, self._source = name, column, source
            self._list(column, source, sizes)
        self._style(name, column)
        return not same

    def forget(self) -> None:
        """Show nothing."""
        self.column = self._column = self._source = self.reference = self._greys = None
        self.classes, self.label_colours, self.left_out = {}, {}, 0
        self.volumes, self._correlations, self._treated, self._reach = {}, {}, {}, {}

    def _list(self, column: Classes, source: VolumeSource, sizes: npt.NDArray[np.int64]) -> None:
        largest = np.argsort(-sizes, kind="stable")
        largest = largest[sizes[largest] > 0]
        self.left_out = max(len(largest) - MOST_CLASSES, 0)
        centres = centre_rows(column, source.latents, source.known)
        spread = _spread(column, self.session.columns["tomogram"])
        for code in sorted(map(int, largest[:MOST_CLASSES])):
            facts = int(sizes[code]), int(spread[code]), int(centres[code]), (*GREY, 1.0)
            self.classes[code] = ClassFacts(code, column.names[code], *facts)
        with_volume = [int(code) for code in largest[:MOST_CLASSES] if centres[code] >= 0]
        self.reference = with_volume[0] if with_volume else None

    def _style(self, name: str, column: Classes) -> None:
        entries = {entry.code: entry for entry in legend_of(column, self.session.styles.get(name))}
        self.label_colours = self._colours_of_labels()
        by_label = self.session.coloured_by == named(name)
        for code, own in self.classes.items():
            colour = self.label_colours.get(self.label_of(code), (*GREY, 1.0)) if by_label else entries[code].colour
            self.classes[code] = replace(own, name=entries[code].name, colour=colour)

    def _colours_of_labels(self) -> dict[str, Colour]:
        name = named(self.column or "")
        column = self.session.columns.get(name)
        if not isinstance(column, Classes):
            return {}
        return {column.names[own.code]: own.colour for own in legend_of(column, self.session.styles.get(name))}

    def in_order(self, order: Order) -> list[int]:
        """Return the classes' codes in an order: the largest, the most alike, or those of one label together first."""
        codes = list(self.classes)
        if order == "size":
            codes.sort(key=lambda code: -self.classes[code].size)
        elif order == "CC":
            codes.sort(key=lambda code: -self._correlations.get(code, -2.0))
        elif order == "label":
            labels = self.session.labels.get(self.column or "")
            place = {label: number for number, label in enumerate(labels.names)} if labels else {}
            codes.sort(key=lambda code: place.get(self.label_of(code), len(place)))
        return codes

    # their volumes

    def undecoded(self, first: list[int]) -> list[int]:
        """Return the codes of classes whose volumes are to be decoded: the reference, then ``first``, then others."""
        wanted = [code for code in (self.reference, *first, *self.classes) if code is not None]
        return [
            code
            for code in dict.fromkeys(wanted)
            if code in self.classes and self.classes[code].centre >= 0 and code not in self.volumes
        ]

    def decode(self, codes: list[int]) -> Iterator[tuple[int, Volume]]:
        """Decode the volumes in the middles of classes; may run in a thread."""
        source = self._source
        assert source is not None
        return _decoded(source, [(code, source.latents[self.classes[code].centre]) for code in codes])

    def take(self, code: int, volume: Volume) -> None:
        """Keep a volume (D, D, D) that was decoded."""
        self.volumes[code] = volume
        if code == self.reference:
            self._correlations.clear()
            self._greys = None

    def correlation_of(self, code: int) -> float | None:
        """Return how alike a class's volume is to the reference's, ``None`` while one of them is not decoded."""
        if code not in self._correlations:
            if self.reference not in self.volumes or code not in self.volumes:
                return None
            self._correlations[code] = correlation(self.volumes[code], self.volumes[self.reference])
        return self._correlations[code]

    def compare_with(self, code: int) -> None:
        """Compare all with a class.

        Raises
        ------
        InputError
            Where it has no volume.
        """
        if self.classes[code].centre < 0:
            raise InputError(f"{self.classes[code].name}: has no latent, so no volume to compare with")
        if code != self.reference:
            self.reference, self._greys = code, None
            self._correlations.clear()

    def picture(self, code: int, turn: Matrix, view: View = "surface", scale: int = 1) -> Picture | None:
        """Return a picture (scale D, scale D, 3) of a class's volume in a pose; ``None`` while it is not decoded."""
        if code not in self.volumes:
            return None
        volume = self._shown(code)
        if view == "slab":
            return _slab(volume, turn, self._grey_limits(), scale)
        assert self._source is not None
        density = self.panel.look(self._source).density(volume)
        red, green, blue, _ = self.classes[code].colour
        return shaded(volume, density, turn, (red, green, blue), BACKGROUND, scale)

    @property
    def window(self) -> float:
        """The share of the box, from its middle, that what is above the level takes up in all volumes."""
        if self._source is None or not self.volumes:
            return 1.0
        look = self.panel.look(self._source)
        if look != self._reach_look:
            self._reach.clear()
            self._reach_look = look
        radius = _radius(self._source.box)
        for code in self.volumes.keys() - self._reach.keys():
            volume = self._shown(code)
            counts = np.bincount(radius[volume > look.density(volume)])
            within = WITHIN / 100 * counts.sum()
            self._reach[code] = int(np.searchsorted(counts.cumsum(), within)) if within else 0
        reach = max(self._reach.values()) + 1
        return min(2 * MARGIN * reach / self._source.box, 1.0)

    def _shown(self, code: int) -> Volume:
        """Return a volume as it is shown: filtered and masked as the panel says."""
        if self._treatment != self.panel.treatment:
            self._treatment = self.panel.treatment
            self._treated.clear()
        if code not in self._treated:
            assert self._source is not None
            self._treated[code] = self._treatment.applied(self.volumes[code], self._source.pixel_size)
        return self._treated[code]

    def _grey_limits(self) -> tuple[float, float]:
        """Return what black and white stand for, the same for all."""
        if self._greys is None:
            code = self.reference if self.reference in self.volumes else next(iter(self.volumes))
            assert code is not None
            volume = self.volumes[code]
            low, high = np.percentile(volume[len(volume) // 2], GREYS)
            self._greys = float(low), float(high)
        return self._greys

    # their labels

    def label_of(self, code: int) -> str:
        """Return the label of a class, empty where it has none."""
        return self.labels.get(code, "")

    @property
    def labels(self) -> dict[int, str]:
        """The labels of classes, by code."""
        labels = self.session.labels.get(self.column or "")
        return dict(labels.of_class) if labels is not None and labels.fit(self._column) else {}

    def label(self, code: int, label: str) -> None:
        """Give a class a label, or none by an empty one."""
        if self.column is not None:
            labels = self.labels
            labels.pop(code, None)
            self.session.label_classes(self.column, {**labels, code: label} if label else labels)

    def rename(self, before: str, after: str) -> None:
        """Give another word to the classes that have a label."""
        if self.column is not None:
            self.session.rename_label(self.column, before, after)

    def select(self, label: str, how: How = "replace") -> None:
        """Select the particles of all classes that have a label."""
        if self._column is not None:
            codes = [code for code, own in sorted(self.labels.items()) if own == label]
            names = tuple(self._column.names[code] for code in codes)
            rule = OfClasses(column=str(self.column), classes=names, label=label)
            self.session.select(np.isin(self._column.codes, codes), rule.tree, how)

    def look_at(self, code: int) -> None:
        """Look at the particle in a class's middle.

        Raises
        ------
        InputError
            Where none of its particles has a latent.
        """
        if self.classes[code].centre < 0:
            raise InputError(f"{self.classes[code].name}: none of its particles has a latent")
        self.session.look_at(self.classes[code].centre)


def _decoded(source: VolumeSource, latents: list[tuple[int, npt.NDArray[np.float32]]]) -> Iterator[tuple[int, Volume]]:
    source.volume(mean_latent(source))  # what the level is measured by is asked for with the first picture
    for code, latent in latents:
        yield code, source.volume(latent)


def _spread(column: Classes, tomograms: object) -> npt.NDArray[np.int64]:
    """Return over how many tomograms the particles of each class spread."""
    assert isinstance(tomograms, Classes)
    both = column.codes[column.codes >= 0] * len(tomograms.names) + tomograms.codes[column.codes >= 0]
    return np.bincount(np.unique(both) // max(len(tomograms.names), 1), minlength=len(column.names)).astype(np.int64)


def _slab(volume: Volume, turn: Matrix, greys: tuple[float, float], scale: int) -> Picture:
    """Return the mean of the middle planes of a turned volume, seen as its surface is."""
    box = len(volume)
    half = max(int(box * SLAB_SHARE / 2), 1)
    backward = turn.T[::-1, ::-1]  # z, y, x
    steps = np.array([1, 1 / scale, 1 / scale])
    corner = np.array([box // 2 - half, 0, 0])
    offset = box // 2 + backward @ (corner - box // 2)
    planes = affine_transform(
        volume,
        backward * steps,
        offset=offset,
        output_shape=(2 * half + 1, box * scale, box * scale),
        order=1,
        cval=float(np.median(volume)),
    )
    low, high = greys
    grey = 255 * np.clip((planes.mean(axis=0) - low) / max(high - low, 1e-12), 0, 1)
    # rows of a picture go down, y of a volume goes up
    return np.repeat(grey[::-1].astype(np.uint8)[..., None], 3, axis=2)
