"""What a person chose for all sessions, in napari's Preferences."""

from dataclasses import dataclass, fields

PLUGIN = "napari-tomodrgn"


@dataclass(frozen=True)
class Preferences:
    """Choices for what is opened from now on; the manifest's ``configurations`` say the same names and values.

    Attributes
    ----------
    particle_diameter
        Of the points that particles are shown as, Å; 0: half the box of the particles.
    arrow_length
        Of orientations, Å; 0: the diameter of the points.
    slab
        Slices averaged on either side of the one that is looked at.
    low_pass
        Of the shown slab, Å; 0: none.
    cache_gb
        How large the volumes may get that are kept on the disk for the next time.
    """

    particle_diameter: float = 0.0
    arrow_length: float = 0.0
    slab: int = 0
    low_pass: float = 0.0
    cache_gb: float = 2.0


def preferences() -> Preferences:
    """Return what napari's Preferences say, or what holds without a choice where the plugin is disabled there."""
    from napari.settings import get_plugin_settings

    try:
        chosen = get_plugin_settings(PLUGIN)
    except KeyError:
        return Preferences()
    pages = (chosen.particles, chosen.tomograms, chosen.volumes)
    return Preferences(
        **{
            own.name: getattr(page, own.name)
            for own in fields(Preferences)
            for page in pages
            if hasattr(page, own.name)
        }
    )
