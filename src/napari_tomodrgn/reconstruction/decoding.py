"""Volumes of latents by the decoder of a run at an epoch, in the hand in which they are written."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.maps import flip_hand
from napari_tomodrgn.runs.run import Run

Amp = Literal["auto", "off", "fp16", "bf16"]
MapHand = Literal["auto", "keep", "flip"]
Volume = npt.NDArray[np.float32]


class RunDecoding:
    """The decoder of a run at an epoch.

    Parameters
    ----------
    run, epoch
        Of which training.
    box
        Smaller even box of the volumes, cropped in Fourier space; default: the trained one.
    map_hand
        ``flip`` turns volumes into their mirror image along z; ``auto``: as the run says.
    device, amp
        Where to decode, and at which precision.

    Attributes
    ----------
    box, pixel_size
        px and Å of the volumes.

    Raises
    ------
    InputError
        Where the run lacks the epoch, or there is no such device or precision.
    """

    def __init__(
        self,
        run: Run,
        epoch: int,
        *,
        box: int | None = None,
        map_hand: MapHand = "auto",
        device: str = "auto",
        amp: Amp = "auto",
    ) -> None:
        from napari_tomodrgn.training.checkpoints import load_model
        from napari_tomodrgn.training.device import choose_compute

        self._compute = choose_compute(device, amp)
        self._trained = load_model(run, epoch, self._compute.device)
        hand = run.document["data"]["forward_model"]["map_hand"] if map_hand == "auto" else map_hand
        self._flip = hand == "flip"
        self.box = box or self._trained.box
        self.pixel_size = self._trained.pixel_size * self._trained.box / self.box

    def volumes(self, z: npt.NDArray[np.float32] | None) -> Iterator[Volume]:
        r"""Yield a volume (d, d, d), z, y, x, for each of the latents (n, \|z\|), or the one without (``None``).

        Raises
        ------
        InputError
            Where the box is odd or larger than the trained one, or the latents have another dimension.
        """
        from napari_tomodrgn.reconstruction.decode import decode_volumes

        decoded = decode_volumes(
            self._trained.model.decoder,
            z,
            standard_deviation=self._trained.standard_deviation,
            box=self.box,
            compute=self._compute,
        )
        return map(flip_hand, decoded) if self._flip else decoded
