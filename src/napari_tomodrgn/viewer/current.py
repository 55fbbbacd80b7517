"""What belongs to a napari window: its session, and what shows it there."""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_tomodrgn.viewer.alarms_panel import AlarmsPanel
from napari_tomodrgn.viewer.array_cache import ArrayCache, cache_folder
from napari_tomodrgn.viewer.command_panel import CommandPanel
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere
from napari_tomodrgn.viewer.measuring import Measuring
from napari_tomodrgn.viewer.neighbour_links import NeighbourLinks
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.viewer.preferences import preferences
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.spatial_context import SpatialContext
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.viewer.validation_panel import ValidationPanel
from napari_tomodrgn.viewer.volume_panel import VolumePanel

if TYPE_CHECKING:
    import napari

_SESSIONS: "WeakKeyDictionary[napari.Viewer, Session]" = WeakKeyDictionary()
_SCENES: "WeakKeyDictionary[napari.Viewer, Scene]" = WeakKeyDictionary()
_PANELS: "WeakKeyDictionary[napari.Viewer, VolumePanel]" = WeakKeyDictionary()
_TRAININGS: "WeakKeyDictionary[napari.Viewer, TrainingPanel]" = WeakKeyDictionary()
_COMMANDS: "WeakKeyDictionary[napari.Viewer, CommandPanel]" = WeakKeyDictionary()
_VALIDATIONS: "WeakKeyDictionary[napari.Viewer, ValidationPanel]" = WeakKeyDictionary()
_LINKS: "WeakKeyDictionary[napari.Viewer, NeighbourLinks]" = WeakKeyDictionary()
_OCCUPANCIES: "WeakKeyDictionary[napari.Viewer, OccupancyPanel]" = WeakKeyDictionary()
_MEASURING: "WeakKeyDictionary[napari.Viewer, Measuring]" = WeakKeyDictionary()
_ALARMS: "WeakKeyDictionary[napari.Viewer, AlarmsPanel]" = WeakKeyDictionary()


def _behind(viewer: Any) -> Any:
    """Return the viewer behind a proxy: plugin widgets get one each, which is soon gone."""
    return getattr(viewer, "__wrapped__", viewer)


def session_of(viewer: "napari.Viewer") -> Session:
    """Return the one session of a viewer, a new one at the first call; it goes when the viewer goes."""
    viewer = _behind(viewer)
    if viewer not in _SESSIONS:
        _SESSIONS[viewer] = Session()
    return _SESSIONS[viewer]


def scene_of(viewer: "napari.Viewer") -> Scene:
    """Return what shows a viewer's session in its layers."""
    viewer = _behind(viewer)
    if viewer not in _SCENES:
        _SCENES[viewer] = Scene(viewer, session_of(viewer))
    return _SCENES[viewer]


def panel_of(viewer: "napari.Viewer") -> VolumePanel:
    """Return what a viewer knows of volumes; they are kept on the disk for the next time."""
    viewer = _behind(viewer)
    if viewer not in _PANELS:
        _PANELS[viewer] = VolumePanel(session_of(viewer), ArrayCache(cache_folder(), int(1e9 * preferences().cache_gb)))
    return _PANELS[viewer]


def training_of(viewer: "napari.Viewer") -> TrainingPanel:
    """Return what a viewer knows of trainings; it stays when their widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _TRAININGS:
        _TRAININGS[viewer] = TrainingPanel(session_of(viewer))
    return _TRAININGS[viewer]


def commands_of(viewer: "napari.Viewer") -> CommandPanel:
    """Return what a viewer knows of commands on its run; it stays when their widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _COMMANDS:
        _COMMANDS[viewer] = CommandPanel(session_of(viewer))
    return _COMMANDS[viewer]


def validation_of(viewer: "napari.Viewer") -> ValidationPanel:
    """Return what a viewer knows of validations; it stays when their widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _VALIDATIONS:
        _VALIDATIONS[viewer] = ValidationPanel(session_of(viewer))
    return _VALIDATIONS[viewer]


def links_of(viewer: "napari.Viewer") -> NeighbourLinks:
    """Return what a viewer knows of neighbours, and shows of them; it stays when their widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _LINKS:
        _LINKS[viewer] = NeighbourLinks(scene_of(viewer), SpatialContext(session_of(viewer)))
    return _LINKS[viewer]


def occupancies_of(viewer: "napari.Viewer") -> OccupancyPanel:
    """Return what a viewer knows of occupancies; thresholds stay when their widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _OCCUPANCIES:
        _OCCUPANCIES[viewer] = OccupancyPanel(session_of(viewer))
    return _OCCUPANCIES[viewer]


def measuring_of(viewer: "napari.Viewer") -> Measuring:
    """Return what measures spheres and masks for a viewer; the sphere stays when its widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _MEASURING:
        _MEASURING[viewer] = Measuring(occupancies_of(viewer), DrawnSphere())
    return _MEASURING[viewer]


def alarms_of(viewer: "napari.Viewer") -> AlarmsPanel:
    """Return what a viewer knows of what latents follow; it stays when its widget is closed."""
    viewer = _behind(viewer)
    if viewer not in _ALARMS:
        _ALARMS[viewer] = AlarmsPanel(session_of(viewer), panel_of(viewer))
    return _ALARMS[viewer]


def scene_in_use() -> Scene | None:
    """Return what shows a session in the viewer in use, ``None`` where nothing does."""
    viewer = _behind(current_viewer())
    return None if viewer is None else _SCENES.get(viewer)


def current_viewer() -> Any:
    """Return the viewer in use, ``None`` where there is none."""
    import napari

    return napari.current_viewer()
