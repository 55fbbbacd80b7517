"""The widgets as napari docks them: each is given a viewer, and finds its session."""

from typing import Any
from weakref import ref

from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.current import (
    alarms_of,
    commands_of,
    links_of,
    measuring_of,
    occupancies_of,
    panel_of,
    scene_of,
    session_of,
    training_of,
    validation_of,
)
from napari_tomodrgn.viewer.regions import Regions
from napari_tomodrgn.viewer.review import Review
from napari_tomodrgn.widgets.analyse import Analyse
from napari_tomodrgn.widgets.compare import Compare
from napari_tomodrgn.widgets.curate import Curate
from napari_tomodrgn.widgets.dataset import Dataset
from napari_tomodrgn.widgets.evidence import Inspect
from napari_tomodrgn.widgets.findings import Findings
from napari_tomodrgn.widgets.gallery import Gallery
from napari_tomodrgn.widgets.latent_space import LatentSpace
from napari_tomodrgn.widgets.movie import Movie
from napari_tomodrgn.widgets.particle_table import ParticleTable
from napari_tomodrgn.widgets.review import ReviewWidget
from napari_tomodrgn.widgets.run_drops import RunDrops
from napari_tomodrgn.widgets.spatial_context import COMMAND, ContextWidget
from napari_tomodrgn.widgets.tomogram import Tomogram
from napari_tomodrgn.widgets.train import Train
from napari_tomodrgn.widgets.validate import Validate
from napari_tomodrgn.widgets.volumes import Volumes
from napari_tomodrgn.widgets.workspace import open_dock


class DatasetDock(Dataset):
    """What is open, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(session_of(napari_viewer), scene_of(napari_viewer), panel_of(napari_viewer))
        RunDrops(self)


class TomogramDock(Tomogram):
    """How the open tomogram is looked at, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(session_of(napari_viewer), scene_of(napari_viewer))


class LatentSpaceDock(LatentSpace):
    """The latent space, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(session_of(napari_viewer))
        self.path_drawn.connect(self.session.go_along)


class ParticleTableDock(ParticleTable):
    """The particles of the open tomogram, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(session_of(napari_viewer))


class VolumesDock(Volumes):
    """Volumes, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        session, panel = session_of(napari_viewer), panel_of(napari_viewer)
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        super().__init__(session, panel, AllVolumes(viewer, session, panel), measuring_of(napari_viewer))


class GalleryDock(Gallery):
    """The class gallery, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(session_of(napari_viewer), panel_of(napari_viewer))


class MovieDock(Movie):
    """Movies, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(session_of(napari_viewer), scene_of(napari_viewer), panel_of(napari_viewer))


class CompareDock(Compare):
    """Another run beside the session's, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(session_of(napari_viewer))


class InspectDock(Inspect):
    """The evidence for the particle that is clicked, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(session_of(napari_viewer))


class CurateDock(Curate):
    """Selections, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(Regions(scene_of(napari_viewer)))


class ReviewDock(ReviewWidget):
    """Particles one by one, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(Review(scene_of(napari_viewer)), panel_of(napari_viewer))


class TrainDock(Train):
    """Training, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(training_of(napari_viewer), panel_of(napari_viewer))


class AnalyseDock(Analyse):
    """Commands on the open run, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(commands_of(napari_viewer))


class ContextDock(ContextWidget):
    """What was found of neighbours, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(links_of(napari_viewer))
        self._viewer = ref(getattr(napari_viewer, "__wrapped__", napari_viewer))
        self.asked.connect(self._open_analyse)

    def _open_analyse(self) -> None:
        """Set the command up in Analyse, and bring that to the front."""
        viewer = self._viewer()
        if viewer is not None:
            commands_of(viewer).choose(COMMAND)
            open_dock(viewer, "Analyse")


class FindingsDock(Findings):
    """Occupancies and alarms of the open run, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(occupancies_of(napari_viewer), alarms_of(napari_viewer))


class ValidateDock(Validate):
    """Validating a selection, in a viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        scene_of(napari_viewer)
        super().__init__(validation_of(napari_viewer))
