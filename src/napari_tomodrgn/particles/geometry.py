"""Rotation matrices as RELION builds them; vectors are (x, y, z)."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def axis_rotation(axis: int, degrees: npt.ArrayLike) -> Floats:
    """Return (…, 3, 3): right-handed rotations of column vectors about x (0), y (1) or z (2)."""
    angle = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    result = np.zeros((*angle.shape, 3, 3))
    result[..., axis, axis] = 1
    result[..., first, first] = result[..., second, second] = cos
    result[..., first, second] = -sin
    result[..., second, first] = sin
    return result


def euler_matrices(rot: npt.ArrayLike, tilt: npt.ArrayLike, psi: npt.ArrayLike) -> Floats:
    """Return (…, 3, 3): RELION's matrix A = Rz(-psi) Ry(-tilt) Rz(-rot), degrees, from reference to image frame.

    Written out element by element (RELION's ``Euler_angles2matrix``), because it is called for every tilt image.
    """
    angles = [np.deg2rad(np.asarray(each, dtype=np.float64)) for each in (rot, tilt, psi)]
    (ca, cb, cg), (sa, sb, sg) = [np.cos(each) for each in angles], [np.sin(each) for each in angles]
    result = np.empty((*np.broadcast_shapes(ca.shape, cb.shape, cg.shape), 3, 3))
    result[..., 0, 0] = cg * cb * ca - sg * sa
    result[..., 0, 1] = cg * cb * sa + sg * ca
    result[..., 0, 2] = -cg * sb
    result[..., 1, 0] = -sg * cb * ca - cg * sa
    result[..., 1, 1] = -sg * cb * sa + cg * ca
    result[..., 1, 2] = sg * sb
    result[..., 2, 0] = sb * ca
    result[..., 2, 1] = sb * sa
    result[..., 2, 2] = cb
    return result


def tilt_matrices(x_tilt: npt.ArrayLike, y_tilt: npt.ArrayLike, z_rotation: npt.ArrayLike) -> Floats:
    """Return (…, 3, 3): RELION 5's projection Rz(ZRot) Ry(YTilt) Rx(XTilt), degrees, from tomogram to image frame."""
    return axis_rotation(2, z_rotation) @ axis_rotation(1, y_tilt) @ axis_rotation(0, x_tilt)


def tilt_angles(matrices: Floats) -> Floats:
    """Return (…) degrees: the geometric tilt of projection matrices, the angle of the beam in the tomogram's xz plane.

    For P = Rz(φ) Ry(θ) Rx(ε) the third row is (-sin θ, cos θ sin ε, cos θ cos ε), whatever the in-plane rotation φ.
    """
    cosine = np.hypot(matrices[..., 2, 1], matrices[..., 2, 2])
    return np.rad2deg(np.arctan2(-matrices[..., 2, 0], cosine))
