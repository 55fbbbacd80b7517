"""The image of the open tomogram in a viewer: one layer whose data are replaced, and one for a segmentation."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet, ref

from psygnal import Signal

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import IN_ANGSTROM, LayerData
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.slab import Averages
from napari_tomodrgn.viewer.tomogram_files import RAW, SEGMENTATION, TomogramFiles, header_key
from napari_tomodrgn.viewer.tomogram_look import Limits, TomogramLook
from napari_tomodrgn.viewer.tomogram_view import OpenedTomogram, open_tomogram

IMAGE, LABELS = "tomogram", "segmentation"
BESIDE = ("tomograms", "reconstruction", "reconstructions")  # folders beside a star that are looked into


class TomogramLayers:
    """Shows the file of the session's tomogram, in the version and as a person chose.

    Attributes
    ----------
    files
        Which files show which tomogram.
    look
        How they are looked at.
    opened
        The file that is shown, ``None`` where there is none.
    trouble
        Why there is none although there is a file.
    averages
        Averages of slices that take long.
    """

    changed = Signal()  # files, what is shown, or how
    resized = Signal()  # the first tomogram is shown, or one whose voxels have another size than those before

    def __init__(self, viewer: Any, session: Session, look: TomogramLook | None = None) -> None:
        self._viewer, self.session = ref(getattr(viewer, "__wrapped__", viewer)), session
        self.files, self.look = TomogramFiles(()), look or TomogramLook()
        self.opened: OpenedTomogram | None = None
        self.trouble: str | None = None
        self.averages = Averages()
        self.image: Any = None
        self.labels: Any = None
        self._hidden: WeakSet[Any] = WeakSet()  # layers that were hidden here, and not by a person
        self._said: set[str] = set()
        self._resized = False
        session.data_changed.connect(self._new_data)
        session.tomogram_changed.connect(self.show)
        if session.particle_set is not None:
            self._new_data()

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    # files

    def _new_data(self) -> None:
        """Match the files that the data set names, and those that lie beside it, to their tomograms."""
        assert self.session.particle_set is not None
        self.files = TomogramFiles(self.session.tomograms)
        self._said.clear()
        self.files.add_named(self.session.particle_set)
        for folder in self._folders_beside():
            try:
                self.files.add([folder])
            except InputError as error:
                show_error(str(error))
        self.show()

    def _folders_beside(self) -> list[Path]:
        assert self.session.particle_set is not None
        stars = [self.session.particle_set.source.path]
        if self.session.run is not None:
            stars.append(Path(str(self.session.run.document["data"].get("source", ""))))
        there = {star.absolute().parent / name for star in stars for name in BESIDE}
        return sorted(folder for folder in there if folder.is_dir())

    def add(self, paths: Iterable[Path | str]) -> int:
        """Match files, and files in folders, to tomograms; show what belongs to the open one; return how many matched.

        Among them are those that are not where they were and are found by their name.

        Raises
        ------
        InputError
            Where a path is not there.
        """
        paths = list(paths)
        matched = self.files.relocate(paths) + self.files.add(paths)
        self.show()
        return matched

    def assign(self, path: Path | str, tomogram: str, version: str = RAW) -> None:
        """Say which tomogram a file shows and as which version; where it does not fit it, that is said.

        Raises
        ------
        InputError
            Where there is no such tomogram, or the file can't be opened; nothing is changed then.
        """
        opened = self._open(Path(path), tomogram, version)
        self.files.assign(path, tomogram, version)
        if tomogram == self.session.tomogram:
            if version != SEGMENTATION:
                self.look = replace(self.look, version=version)
            self.show()
            return
        self._say([*([opened.question] if opened.question else []), *opened.messages])
        self.changed.emit()

    def unassign(self, path: Path | str) -> None:
        """Take a file from its tomogram."""
        self.files.unassign(path)
        self.show()

    def use_pixel_size(self, pixel_size: float) -> None:
        """Say which pixel size the file that is shown has, in Å, and all others of its version with such a header.

        Raises
        ------
        InputError
            If it is no number above 0.
        """
        if self.opened is not None:
            self.files.set_pixel_size(self.shown_version, self.opened.file.pixel_size, pixel_size)
            self.show()

    # how they are looked at

    def choose(self, version: str) -> None:
        """Show another version of the tomogram, where there is one."""
        self.look = replace(self.look, version=version)
        self.show()

    def invert(self, inverted: bool) -> None:
        """Show high values dark, or bright."""
        self.look = replace(self.look, inverted=inverted)
        if self._is_there(self.image):
            self.image.colormap = self.look.colormap
        self.changed.emit()

    def average(self, half: int, low_pass: float) -> None:
        """Show the average of ``half`` slices on either side of each, low-passed at so many Å (0: not)."""
        self.look = replace(self.look, half=half, low_pass=low_pass)
        if self.opened is not None and self._is_there(self.image):
            self.averages.clear()
            data, attributes, _ = self.look.layer(self.opened, self.averages)
            self.image.data = data
            if self.look.auto:
                _set_contrast(self.image, attributes["contrast_limits"])
        self.changed.emit()

    def set_contrast(self, percent: float, auto: bool) -> None:
        """Let so many percent of the voxels be black and as many white: now, and of each tomogram if ``auto``."""
        self.look = replace(self.look, percent=percent, auto=auto)
        if auto:
            self.take_contrast()
        self.changed.emit()

    def take_contrast(self) -> None:
        """Take the contrast of what is shown from its percentiles."""
        if self.opened is not None and self._is_there(self.image):
            _set_contrast(self.image, self.look.contrast(self.opened))

    def take_average(self, key: Any, average: Any) -> None:
        """Show an average of slices that was made beside the window, if it is still looked at."""
        if self.averages.put(key, average) and self._is_there(self.image):
            self.image.refresh(extent=False)

    # what is shown

    @property
    def versions(self) -> dict[str, Path]:
        """The versions of the open tomogram that there are, and their files; without segmentations."""
        found = self.files.versions(str(self.session.tomogram))
        return {name: path for name, path in found.items() if name != SEGMENTATION}

    @property
    def shown_version(self) -> str:
        """The version that is shown: the one chosen, or else the first there is."""
        there = self.versions
        return self.look.version if self.look.version in there else next(iter(there), self.look.version)

    def show(self) -> None:
        """Give the layers the files of the open tomogram, or nothing where there are none."""
        self.opened, self.trouble = None, None
        self.averages.clear()
        self.image = self._shown(self.image, self.versions.get(self.shown_version), self.shown_version)
        segmentation = self.files.versions(str(self.session.tomogram)).get(SEGMENTATION)
        self.labels = self._shown(self.labels, segmentation, SEGMENTATION)
        self.changed.emit()
        resized, self._resized = self._resized, False
        if resized:
            self.resized.emit()

    def _open(self, path: Path, tomogram: str, version: str) -> OpenedTomogram:
        sizes = self.files.pixel_sizes.get(version, {})
        segmentation = version == SEGMENTATION
        particle_set = self.session.particle_set
        opened = open_tomogram(path, tomogram, particle_set, pixel_sizes=sizes, segmentation=segmentation)
        own = self.opened
        if segmentation and opened.question and own is not None and own.file.values.shape == opened.file.values.shape:
            sizes = {header_key(opened.file.pixel_size): own.pixel_size} if own.pixel_size else {}
            return open_tomogram(path, tomogram, particle_set, pixel_sizes=sizes, segmentation=True)
        return opened

    def _shown(self, layer: Any, path: Path | None, version: str) -> Any:
        """Return a layer that shows a file: the one that is there, with other data, or a new one."""
        if not self._is_there(layer):
            layer = None  # a person removed it
        if path is None or self.session.tomogram is None:
            return self._hide(layer)
        try:
            opened = self._open(path, self.session.tomogram, version)
        except InputError as error:
            show_error(str(error))
            if version != SEGMENTATION:
                self.trouble = str(error)
            return self._hide(layer)
        self._say(opened.messages)
        if version == SEGMENTATION:
            return self._replaced(layer, opened.layer, LABELS)
        self.opened = opened
        shown = self.look.layer(opened, self.averages)
        before = 0.0 if layer is None else float(layer.scale[0])
        layer = self._replaced(layer, shown, IMAGE)
        if self.look.auto:
            _set_contrast(layer, shown[1]["contrast_limits"])
        if not math.isclose(layer.scale[0], before, rel_tol=0.01):  # the first, or of another size than was looked at
            self._resized = True
        return layer

    def _say(self, sentences: Iterable[str]) -> None:
        """Say what a person should know, once while a data set is open."""
        for sentence in sentences:
            if sentence not in self._said:
                self._said.add(sentence)
                show_error(sentence)

    def _is_there(self, layer: Any) -> bool:
        viewer = self.viewer  # which may be gone when what was made beside it comes
        return layer is not None and viewer is not None and layer in viewer.layers

    def _hide(self, layer: Any) -> Any:
        if layer is not None and layer.visible:
            layer.visible = False
            self._hidden.add(layer)
        return layer

    def _replaced(self, layer: Any, shown: LayerData, name: str) -> Any:
        data, attributes, kind = shown
        if layer is not None and layer.multiscale != bool(attributes.get("multiscale")):
            self.viewer.layers.remove(layer)  # a layer can't change between one size and many
            layer = None
        if layer is None:
            active = self.viewer.layers.selection.active
            layer = getattr(self.viewer, f"add_{kind}")(data, **{**attributes, "name": name})
            self.viewer.layers.move(self.viewer.layers.index(layer), 0)  # particles stand before it
            if active is not None:
                self.viewer.layers.selection.active = active
            return layer
        layer.data = data
        layer.scale = attributes.get("scale", (1.0,) * layer.ndim)
        layer.units = IN_ANGSTROM["units"] if "units" in attributes else ("pixel",) * layer.ndim
        layer.metadata = attributes["metadata"]
        if layer in self._hidden:
            self._hidden.discard(layer)
            layer.visible = True
        return layer


def _set_contrast(image: Any, limits: Limits) -> None:
    """Give a layer what is black and what is white, and its sliders room for it."""
    low, high = image.contrast_limits_range
    image.contrast_limits_range = (min(limits[0], low), max(limits[1], high))
    image.contrast_limits = limits
