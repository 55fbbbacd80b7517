"""How the images of a data set came about: the facts that a star file often leaves unsaid."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from napari_tomodrgn.errors import InputError


@dataclass(frozen=True)
class ForwardModel:
    """Facts of image formation; every field is explicit, shown, recorded with a run, and overridable.

    Attributes
    ----------
    ctf_power
        How many times the CTF is in the images: 0 (corrected), 1, or 2 (CTF-premultiplied).
    attenuation
        What the extraction program multiplied in already: nothing, exposure weights, or exposure weights x cos(tilt).
    dose_at
        Whether the file's dose is the one before, at the middle of, or after a tilt image's exposure.
    voltage_rule
        ``scaled``: critical dose x 0.8 at 200 kV; ``300kv``: the 300 kV curve at every voltage.
    contrast
        The particles' colour in the images.
    map_hand
        Whether maps are flipped along z when they are written or compared (never when placed in a tomogram).
    defocus_height
        How a particle's height along the beam was or is to be added to its defocus.
    """

    ctf_power: Literal[0, 1, 2] = 1
    attenuation: Literal["none", "dose", "dose-tilt"] = "none"
    dose_at: Literal["before", "middle", "after"] = "after"
    voltage_rule: Literal["scaled", "300kv"] = "scaled"
    contrast: Literal["bright", "dark"] = "bright"
    map_hand: Literal["keep", "flip"] = "keep"
    defocus_height: Literal["plus", "minus", "none"] = "none"

    def override(self, **fields: Any) -> "ForwardModel":
        """Return a copy in which every given field that is neither ``None`` nor ``"auto"`` is replaced."""
        given = {name: value for name, value in fields.items() if value is not None and value != "auto"}
        kinds = get_type_hints(ForwardModel)
        for name, value in given.items():
            allowed = get_args(kinds[name])
            if value not in allowed:
                raise InputError(f"{name} is {value!r}; expected one of {', '.join(map(str, allowed))}")
        return replace(self, **given)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for JSON."""
        return asdict(self)
