"""How alike two maps are: correlation, and Fourier shell correlation with its correction for masks."""

import numpy as np
import numpy.typing as npt
import scipy.fft

FloatArray = npt.NDArray[np.floating]
IN_SPHERE = (
    "within a soft sphere, no mask"  # where windowed images determine a map, so its half-maps are compared there
)


def correlation(a: FloatArray, b: FloatArray, mask: FloatArray | None = None) -> float:
    """Return the Pearson correlation of two arrays of one shape, weighted by ``mask`` where given; 0 if one is flat."""
    weight = np.ones(a.shape) if mask is None else np.asarray(mask, dtype=np.float64)
    a = a - np.average(a, weights=weight)
    b = b - np.average(b, weights=weight)
    norm = np.sqrt((weight * a * a).sum(dtype=np.float64) * (weight * b * b).sum(dtype=np.float64))
    return float((weight * a * b).sum(dtype=np.float64) / norm) if norm > 0 else 0.0


def shell_numbers(box: int) -> npt.NDArray[np.int64]:
    """Return the (D, D, D/2 + 1) shell, round(|k| D), of every coefficient of a half-space transform."""
    steps = np.fft.fftfreq(box, 1 / box)
    half = np.arange(box // 2 + 1)
    squared = steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + half[None, None, :] ** 2
    return np.rint(np.sqrt(squared)).astype(np.int64)


def fsc(a: FloatArray, b: FloatArray, mask: FloatArray | None = None) -> npt.NDArray[np.float64]:
    """Return the Fourier shell correlation (D/2 + 1,) of two maps (D, D, D); shell s is at s/(D pixel size).

    ``mask`` (D, D, D) multiplies both maps first. Shells where a map has no power are 0.
    """
    if mask is not None:
        a, b = a * mask, b * mask
    return _shell_correlation(_transform(a), _transform(b), a.shape[0])


def corrected_fsc(a: FloatArray, b: FloatArray, mask: FloatArray, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return the FSC (D/2 + 1,) of two masked half-maps without what the mask itself contributes.

    Phases are drawn at random from the shell on where the unmasked curve falls below 0.8; what correlation the masked
    maps then still have is the mask's doing: (masked - random)/(1 - random) (Chen et al. 2013, Ultramicroscopy 135).
    """
    unmasked = fsc(a, b)
    masked = fsc(a, b, mask)
    below = np.flatnonzero(unmasked[1:] < 0.8)
    if not len(below):
        return masked
    begin = int(below[0]) + 1
    # Not the plain seed: simulated maps may hold noise drawn with it, whose phases would come back unchanged.
    generator = np.random.default_rng([seed, 1, begin])
    random = fsc(randomise_phases(a, begin, generator), randomise_phases(b, begin, generator), mask)
    result = masked.copy()
    # The shell next to the first scrambled one still holds true signal, smeared there by the mask.
    later = np.arange(len(masked)) >= (begin if begin <= 1 else begin + 2)
    result[later] = ((masked - random) / np.maximum(1 - random, 1e-6))[later]
    return np.clip(result, -1, 1)


def randomise_phases(values: FloatArray, begin: int, generator: np.random.Generator) -> FloatArray:
    """Return a map (D, D, D) with random phases, and amplitudes kept, from shell ``begin`` on.

    The phases are those of white noise, so that the coefficients of a real map stay in conjugate pairs.
    """
    box = values.shape[0]
    transform = _transform(values)
    noise = _transform(generator.standard_normal(values.shape))
    phase = noise / np.maximum(np.abs(noise), 1e-12)
    chosen = shell_numbers(box) >= begin
    transform[chosen] = np.abs(transform[chosen]) * phase[chosen]
    result: npt.NDArray[np.float64] = scipy.fft.irfftn(transform, s=values.shape)
    return result


def resolution_at(curve: FloatArray, threshold: float, pixel_size: float) -> float:
    """Return the resolution in Å where an FSC curve (D/2 + 1,) first falls below ``threshold``.

    Between shells the curve is a straight line. A curve that never falls below gives Nyquist, 2 pixel sizes; one that
    is below from shell 1 on gives infinity.
    """
    box = 2 * (len(curve) - 1)
    below = np.flatnonzero(np.asarray(curve[1:]) < threshold) + 1
    if not len(below):
        return 2 * pixel_size
    shell = int(below[0])
    if shell == 1:
        return float("inf")
    before, after = float(curve[shell - 1]), float(curve[shell])
    crossing = shell - 1 + (before - threshold) / (before - after)
    return box * pixel_size / crossing


def resolution_text(resolution: float, threshold: float, where: str) -> str:
    """Return a resolution in Å, its threshold, and which mask it holds for, as one reads it."""
    if not np.isfinite(resolution):
        return f"none (FSC below {threshold:g} from the first shell on, {where})"
    return f"{resolution:.3g} Å (FSC {threshold:g}, {where})"


def _transform(values: FloatArray) -> npt.NDArray[np.complexfloating]:
    transform: npt.NDArray[np.complexfloating] = scipy.fft.rfftn(np.asarray(values, dtype=np.float64))
    return transform


def _shell_correlation(
    a: npt.NDArray[np.complexfloating], b: npt.NDArray[np.complexfloating], box: int
) -> npt.NDArray[np.float64]:
    shells = shell_numbers(box).ravel()
    # Planes 1 … D/2 - 1 stand for their conjugates too.
    twice = np.full(a.shape, 2.0)
    twice[..., 0] = twice[..., box // 2] = 1.0

    def summed(values: FloatArray) -> npt.NDArray[np.float64]:
        return np.bincount(shells, weights=(twice * values).ravel())[: box // 2 + 1].astype(np.float64)

    norm = np.sqrt(summed(np.abs(a) ** 2) * summed(np.abs(b) ** 2))
    return np.divide(summed((a * b.conj()).real), norm, out=np.zeros_like(norm), where=norm > 0)
