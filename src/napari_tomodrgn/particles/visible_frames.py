"""rlnTomoVisibleFrames: which frames of a tilt series each particle's stack shows, and where they are in it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.mrc_header import read_header

Integers = npt.NDArray[np.int64]
Strings = npt.NDArray[np.object_]


@dataclass(frozen=True)
class VisibleImages:
    """The visible images of all particles, particle by particle, in frame order: (M,) each."""

    particle: Integers
    frame: Integers  # number of the frame within its tilt series, hidden ones counted
    index: Integers  # number of the image within the particle's stack


def visible_images(
    masks: tuple[Integers, Strings],
    frames: Integers,
    stack_of: Integers,
    stacks: tuple[str, ...],
    where: str,
    names: Strings,
    stacks_hold_all: bool,
) -> VisibleImages:
    """Lay out the visible images of all particles.

    Parameters
    ----------
    masks
        rlnTomoVisibleFrames as row codes (N,) and distinct texts.
    frames
        (N,) frames in the tilt series of each particle.
    stack_of, stacks
        (N,) each particle's stack, and the paths of all stacks (empty where not found).
    where, names
        The star's block and (N,) particle names, for messages.
    stacks_hold_all
        What is assumed of stacks that are not there: that they hold all frames, or only the visible ones.

    Raises
    ------
    InputError
        Where a mask is not made of 0 and 1, is not as long as the tilt series or hides everything, or where a stack
        holds neither all frames nor the visible ones.
    """
    code, texts = masks
    parsed = [_parse(text, int(np.flatnonzero(code == number)[0]), where) for number, text in enumerate(texts)]
    length = np.array([len(mask) for mask in parsed], dtype=np.int64)[code]
    shown = np.array([mask.sum() for mask in parsed], dtype=np.int64)[code]
    _refuse(
        length != frames, lambda row: f"lists {length[row]} frames, but its tilt series has {frames[row]}", where, names
    )
    _refuse(shown == 0, lambda row: "hides every frame; remove the particle", where, names)
    holds_all = _holds_all(length, shown, stack_of, stacks, where, names, stacks_hold_all)

    particle = np.repeat(np.arange(len(code)), length)
    begin = np.cumsum(length) - length
    frame = np.arange(len(particle)) - begin[particle]
    mask_begin = np.concatenate([[0], np.cumsum([len(mask) for mask in parsed])])[code]
    visible = np.concatenate(parsed)[mask_begin[particle] + frame]
    particle, frame = particle[visible], frame[visible]
    rank = np.arange(len(particle)) - (np.cumsum(shown) - shown)[particle]
    return VisibleImages(particle, frame, np.where(holds_all[particle], frame, rank))


def _holds_all(
    length: Integers,
    shown: Integers,
    stack_of: Integers,
    stacks: tuple[str, ...],
    where: str,
    names: Strings,
    default: bool,
) -> npt.NDArray[np.bool_]:
    """Return (N,) whether each particle's stack holds hidden frames too, by the number of its images."""
    images = np.full(len(stacks), -1, dtype=np.int64)
    images[[bool(stack) for stack in stacks]] = [read_header(stack).shape[0] for stack in stacks if stack]
    held = images[stack_of]
    _refuse(
        (held >= 0) & (held != length) & (held != shown),
        lambda row: (
            f"has {length[row]} frames, {shown[row]} of them visible, but its stack "
            f"{stacks[stack_of[row]]} holds {held[row]} images"
        ),
        where,
        names,
    )
    return np.where(held >= 0, held == length, default)


def _parse(text: str, row: int, where: str) -> npt.NDArray[np.bool_]:
    flags = [part.strip() for part in text.strip().strip("[]").split(",")]
    if not all(flag in ("0", "1") for flag in flags):
        raise InputError(f"{where}: row {row + 1} has rlnTomoVisibleFrames {text!r}; expected [1,0,…] of 0 and 1")
    return np.array([flag == "1" for flag in flags])


def _refuse(wrong: npt.NDArray[np.bool_], message: Callable[[int], str], where: str, names: Strings) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{where}: row {row + 1}, particle {names[row]}, {message(row)}")
