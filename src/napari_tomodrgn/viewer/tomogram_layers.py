"""The image of the open tomogram in a viewer: one layer whose data are replaced, and one for a segmentation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import ref

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import IN_ANGSTROM
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.tomogram_files import RAW, SEGMENTATION, TomogramFiles
from napari_tomodrgn.viewer.tomogram_view import OpenedTomogram, open_tomogram

IMAGE, LABELS = "tomogram", "segmentation"
BESIDE = ("tomograms", "reconstruction", "reconstructions")  # folders beside a star that are looked into


class TomogramLayers:
    """Shows the file of the session's tomogram, in the version that a person chose.

    Attributes
    ----------
    files
        Which files show which tomogram.
    version
        Which of them is shown where there is a choice.
    inverted
        Whether high values are shown dark.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer, self.session = ref(getattr(viewer, "__wrapped__", viewer)), session
        self.files, self.version, self.inverted = TomogramFiles(()), RAW, False
        self.image: Any = None
        self.labels: Any = None
        session.data_changed.connect(self._new_data)
        session.tomogram_changed.connect(self.show)
        if session.particle_set is not None:
            self._new_data()

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    def _new_data(self) -> None:
        """Match the files that lie beside the particles to their tomograms."""
        self.files = TomogramFiles(self.session.tomograms)
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

        Raises
        ------
        InputError
            Where a path is not there.
        """
        matched = self.files.add(paths)
        self.show()
        return matched

    def choose(self, version: str) -> None:
        """Show another version of tomograms."""
        self.version = version
        self.show()

    def invert(self, inverted: bool) -> None:
        """Show high values dark, or bright."""
        self.inverted = inverted
        self.show()

    @property
    def versions(self) -> dict[str, Path]:
        """The versions of the open tomogram that there are, and their files; without segmentations."""
        found = self.files.versions(self.session.tomogram) if self.session.tomogram in self.files.tomograms else {}
        return {name: path for name, path in found.items() if name != SEGMENTATION}

    def show(self) -> None:
        """Give the layers the files of the open tomogram, or nothing where there are none."""
        there = self.versions
        path = there.get(self.version) or next(iter(there.values()), None)
        self.image = self._shown(self.image, path, segmentation=False)
        tomogram = self.session.tomogram
        known = tomogram in self.files.tomograms
        labels = self.files.versions(str(tomogram)).get(SEGMENTATION) if known else None
        self.labels = self._shown(self.labels, labels, segmentation=True)

    def _shown(self, layer: Any, path: Path | None, *, segmentation: bool) -> Any:
        """Return a layer that shows a file: the one that is there, with other data, or a new one."""
        if layer is not None and layer not in self.viewer.layers:
            layer = None  # a person removed it
        if path is None or self.session.tomogram is None:
            if layer is not None:
                layer.visible = False
            return layer
        try:
            opened = open_tomogram(
                path,
                self.session.tomogram,
                self.session.particle_set,
                pixel_size=self.files.pixel_size,
                segmentation=segmentation,
                inverted=self.inverted,
            )
        except InputError as error:
            show_error(str(error))
            if layer is not None:
                layer.visible = False
            return layer
        for message in opened.messages:
            show_error(message)
        return self._replaced(layer, opened)

    def _replaced(self, layer: Any, opened: OpenedTomogram) -> Any:
        data, attributes, kind = opened.layer
        if layer is not None and layer.multiscale != bool(attributes.get("multiscale")):
            self.viewer.layers.remove(layer)  # a layer can't change between one size and many
            layer = None
        if layer is None:
            attributes = {**attributes, "name": IMAGE if kind == "image" else LABELS}
            active = self.viewer.layers.selection.active
            layer = getattr(self.viewer, f"add_{kind}")(data, **attributes)
            self.viewer.layers.move(self.viewer.layers.index(layer), 0)  # particles stand before it
            if active is not None:
                self.viewer.layers.selection.active = active
            return layer
        layer.data = data
        layer.scale = attributes.get("scale", (1.0,) * layer.ndim)
        layer.units = IN_ANGSTROM["units"] if "units" in attributes else ("pixel",) * layer.ndim
        if "contrast_limits" in attributes:
            low, high = attributes["contrast_limits"]
            layer.contrast_limits_range = (min(low, layer.contrast_limits_range[0]), max(high, low + 1e-12))
            layer.contrast_limits = (low, high)
            layer.colormap = attributes["colormap"]
        layer.metadata, layer.visible = attributes["metadata"], True
        return layer
