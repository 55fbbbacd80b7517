"""Small data sets in every dialect, written to a folder for tests."""

from pathlib import Path

import mrcfile
import numpy as np

TILTS = np.array([0.0, 3.0, -3.0, 6.0, -6.0])


def write_stack(path: Path, images: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, images, overwrite=True) as stack:
        stack.set_image_stack()
    return path


def noise(count: int, box: int = 16, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, box, box)).astype(dtype)


def loop(name: str, columns: dict[str, list[object]]) -> str:
    labels = "".join(f"_{column} #{number}\n" for number, column in enumerate(columns, start=1))
    rows = "".join("  ".join(map(str, row)) + "\n" for row in zip(*columns.values(), strict=True))
    return f"data_{name}\n\nloop_\n{labels}{rows}\n"


def image_series_columns(particles: int, stack: str) -> dict[str, list[object]]:
    """Columns that all image-series dialects share."""
    rng = np.random.default_rng(1)
    count = particles * len(TILTS)
    return {
        "rlnImageName": [f"{image + 1:06d}@{stack}" for image in range(count)],
        "rlnDefocusU": [f"{value:.2f}" for value in rng.uniform(2e4, 3e4, count)],
        "rlnDefocusV": [f"{value:.2f}" for value in rng.uniform(2e4, 3e4, count)],
        "rlnDefocusAngle": [f"{value:.3f}" for value in rng.uniform(-90, 90, count)],
        "rlnPhaseShift": ["0.0"] * count,
        "rlnAngleRot": [f"{value:.3f}" for value in rng.uniform(-180, 180, count)],
        "rlnAngleTilt": [f"{value:.3f}" for value in rng.uniform(0, 180, count)],
        "rlnAnglePsi": [f"{value:.3f}" for value in rng.uniform(-180, 180, count)],
        "rlnCtfBfactor": [f"{-12.0 * (tilt + 1):.6f}" for _ in range(particles) for tilt in range(len(TILTS))],
        "rlnCtfScalefactor": [f"{value:.6f}" for value in np.tile(np.cos(np.deg2rad(TILTS)), particles)],
    }


def optics_columns(count: int) -> dict[str, list[object]]:
    return {
        "rlnVoltage": ["300.0"] * count,
        "rlnSphericalAberration": ["2.7"] * count,
        "rlnAmplitudeContrast": ["0.07"] * count,
    }


def write_warp(folder: Path, particles: int = 4, box: int = 16, **changed: list[object] | None) -> Path:
    """Write a warp star of two tomograms ``001`` and ``1e5`` and its stack; ``None`` drops a column."""
    count = particles * len(TILTS)
    write_stack(folder / "stacks" / "warp.mrcs", noise(count, box))
    owner = np.repeat(np.arange(particles), len(TILTS))
    columns = {
        "rlnMagnification": ["10000.0"] * count,
        "rlnDetectorPixelSize": ["3.54"] * count,
        **optics_columns(count),
        **image_series_columns(particles, "stacks/warp.mrcs"),
        "rlnOriginX": [f"{value:.3f}" for value in np.linspace(-1, 1, count)],
        "rlnOriginY": [f"{value:.3f}" for value in np.linspace(2, 1, count)],
        "rlnMicrographName": [f"t_{tilt:03d}.mrc" for tilt in np.tile(np.arange(len(TILTS)), particles)],
        "rlnCoordinateX": ["100.0"] * count,
        "rlnCoordinateY": ["200.0"] * count,
        "rlnGroupName": [f"{'001' if each < particles // 2 else '1e5'}_{each:06d}" for each in owner],
        "rlnRandomSubset": [str(each % 2 + 1) for each in owner],
    }
    columns.update({column: values for column, values in changed.items() if values is not None})
    columns = {column: values for column, values in columns.items() if changed.get(column, values) is not None}
    star = folder / "warp.star"
    star.write_text("# made by a test\n\n" + loop("", columns))
    return star


def write_nextpyp(folder: Path, particles: int = 4, box: int = 16) -> Path:
    count = particles * len(TILTS)
    write_stack(folder / "frames.mrcs", noise(count, box))
    owner = np.repeat(np.arange(particles), len(TILTS))
    tilts = np.tile(np.arange(len(TILTS)), particles)
    optics = {
        "rlnOpticsGroup": ["1", "2"],
        "rlnOpticsGroupName": ["a", "'the second'"],
        "rlnVoltage": ["300.0", "200.0"],
        "rlnSphericalAberration": ["2.7", "2.0"],
        "rlnAmplitudeContrast": ["0.07", "0.1"],
        "rlnImagePixelSize": ["2.5", "2.5"],
        "rlnImageSize": [str(box)] * 2,
    }
    columns = {
        **image_series_columns(particles, "frames.mrcs"),
        "rlnMicrographName": [f"TS_{each % 2}_{tilt:02d}.mrc" for each, tilt in zip(owner, tilts, strict=True)],
        "rlnOriginXAngst": [f"{value:.3f}" for value in np.linspace(-1, 1, count)],
        "rlnOriginYAngst": [f"{value:.3f}" for value in np.linspace(2, 1, count)],
        "rlnOpticsGroup": [str(each % 2 + 1) for each in owner],
        "rlnGroupNumber": [str(each + 1) for each in owner],
    }
    star = folder / "nextpyp.star"
    star.write_text(loop("optics", optics) + loop("particles", columns))
    return star


SET_POSITIONS = np.array([[100.0, -50.0, 20.0], [-200.0, 150.0, -30.0], [0.0, 0.0, 0.0]])  # centred, Å, x y z
SET_TILTS = np.array([-60.0, -20.0, 0.0, 20.0, 40.0])
SIZE = (400, 300, 200)  # unbinned px, x y z
TILT_PIXEL = 2.0
BINNING = 2.0


def write_relion5(
    folder: Path,
    *,
    masks: tuple[str, ...] = ("[1,1,0,1,1]", "[1,1,1,1,1]", "[0,1,1,1,0]"),
    tilt_rows: dict[str, list[object]] | None = None,
    particle_columns: dict[str, list[object]] | None = None,
    own_layout: bool = True,
    centred: bool = True,
    hand: float = -1.0,
    premultiplied: int = 0,
    visible_only: bool = True,
    names: tuple[str, ...] = ("TS_1/1", "TS_1/2", "TS_1/3"),
) -> Path:
    """Write a RELION 5 set of one tomogram ``01`` with three particles; ``own_layout``: one star per tilt series."""
    for number, mask in enumerate(masks):
        count = mask.count("1") if visible_only else len(SET_TILTS)
        write_stack(folder / "Subtomograms" / "01" / f"{number + 1}_stack2d.mrcs", noise(count, 16, number, np.float16))
    frames = {
        "rlnDefocusU": [f"{30000 + 10 * tilt:.1f}" for tilt in range(len(SET_TILTS))],
        "rlnDefocusV": [f"{29000 + 10 * tilt:.1f}" for tilt in range(len(SET_TILTS))],
        "rlnDefocusAngle": ["12.5"] * len(SET_TILTS),
        "rlnMicrographPreExposure": [f"{dose:.3f}" for dose in (12.0, 6.0, 0.0, 3.0, 9.0)],
    }
    if own_layout:
        frames = {
            "rlnMicrographName": [f"frames/{tilt}.mrc" for tilt in range(len(SET_TILTS))],
            "rlnTomoXTilt": ["0.5"] * len(SET_TILTS),
            "rlnTomoYTilt": [f"{tilt:.1f}" for tilt in SET_TILTS],
            "rlnTomoZRot": ["85.0"] * len(SET_TILTS),
            "rlnTomoXShiftAngst": ["3.0"] * len(SET_TILTS),
            "rlnTomoYShiftAngst": ["-2.0"] * len(SET_TILTS),
            "rlnTomoNominalStageTiltAngle": [f"{tilt + 12:.1f}" for tilt in SET_TILTS],
            **frames,
        }
    frames.update(tilt_rows or {})
    tomogram = {
        "rlnTomoName": ["01"],
        "rlnVoltage": ["300.0"],
        "rlnSphericalAberration": ["2.7"],
        "rlnAmplitudeContrast": ["0.1"],
        "rlnTomoHand": [str(hand)],
        "rlnTomoTiltSeriesPixelSize": [str(TILT_PIXEL)],
        **{f"rlnTomoSize{axis}": [str(size)] for axis, size in zip("XYZ", SIZE, strict=True)},
    }
    if own_layout:
        tomogram["rlnTomoTiltSeriesStarFile"] = ["tilt_series/01.star"]
        (folder / "tilt_series").mkdir(parents=True, exist_ok=True)
        (folder / "tilt_series" / "01.star").write_text(loop("01", frames))
        text = loop("global", tomogram)
    else:
        text = loop("global", tomogram) + loop("01", frames)
    (folder / "set_tomograms.star").write_text(text)
    size = np.array(SIZE) * TILT_PIXEL
    positions = SET_POSITIONS if centred else (SET_POSITIONS + size / 2) / TILT_PIXEL
    label = "rlnCenteredCoordinate{}Angst" if centred else "rlnCoordinate{}"
    optics = {
        "rlnOpticsGroup": ["1"],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnVoltage": ["300.0"],
        "rlnSphericalAberration": ["2.7"],
        "rlnAmplitudeContrast": ["0.1"],
        "rlnTomoTiltSeriesPixelSize": [str(TILT_PIXEL)],
        "rlnCtfDataAreCtfPremultiplied": [str(premultiplied)],
        "rlnImageDimensionality": ["2"],
        "rlnTomoSubtomogramBinning": [str(BINNING)],
        "rlnImagePixelSize": [str(TILT_PIXEL * BINNING)],
        "rlnImageSize": ["16"],
    }
    particles = {
        "rlnTomoName": ["01"] * 3,
        "rlnTomoParticleName": list(names),
        **{label.format(axis): [f"{value:.6f}" for value in positions[:, i]] for i, axis in enumerate("XYZ")},
        "rlnAngleRot": ["10.0", "20.0", "30.0"],
        "rlnAngleTilt": ["40.0", "50.0", "60.0"],
        "rlnAnglePsi": ["70.0", "80.0", "90.0"],
        "rlnOriginXAngst": ["1.5", "0.0", "0.0"],
        "rlnOriginYAngst": ["-2.5", "0.0", "0.0"],
        "rlnOriginZAngst": ["4.0", "0.0", "0.0"],
        "rlnOpticsGroup": ["1"] * 3,
        "rlnImageName": [f"Subtomograms/01/{number}_stack2d.mrcs" for number in (1, 2, 3)],
        "rlnTomoVisibleFrames": list(masks),
        "rlnRandomSubset": ["1", "2", "1"],
    }
    particles.update(particle_columns or {})
    general = "data_general\n\n_rlnTomoSubTomosAre2DStacks   1\n\n"
    (folder / "set.star").write_text(general + loop("optics", optics) + loop("particles", particles))
    path = folder / "set_optimisation_set.star"
    path.write_text("\ndata_\n\n_rlnTomoParticlesFile   set.star\n_rlnTomoTomogramsFile   set_tomograms.star\n")
    return path


def write_volume_series(folder: Path, names: list[tuple[str, int]], *, kind: str = "rln") -> Path:
    """Write the volume series of these (tomogram, number) particles, at x, y, z = n, 2n, 3n (px, or Å for M)."""
    numbers = [number for _, number in names]
    if kind == "rln":
        columns = {
            "rlnMicrographName": [f"{tomogram}.mrc.tomostar" for tomogram, _ in names],
            "rlnMagnification": ["10000.0"] * len(names),
            "rlnDetectorPixelSize": ["10.0"] * len(names),
            **{f"rlnCoordinate{axis}": [f"{n * i:.3f}" for n in numbers] for i, axis in enumerate("XYZ", start=1)},
            "rlnImageName": [f"../subtomo/{t}/{t}_{n:07d}_10.00A.mrc" for t, n in names],
            **{
                f"rlnAngle{name}": [f"{n * i:.3f}" for n in numbers] for i, name in enumerate(("Rot", "Tilt", "Psi"), 4)
            },
        }
        text = loop("", columns)
    else:
        columns = {
            **{f"wrpCoordinate{axis}1": [f"{n * i:.3f}" for n in numbers] for i, axis in enumerate("XYZ", start=1)},
            **{
                f"wrpAngle{name}1": [f"{n * i:.3f}" for n in numbers]
                for i, name in enumerate(("Rot", "Tilt", "Psi"), 4)
            },
            "wrpSourceName": [f"{tomogram}.tomostar" for tomogram, _ in names],
            "wrpRandomSubset": ["1"] * len(names),
        }
        text = loop("particles", columns)
    path = folder / f"volume_{kind}.star"
    path.write_text(text)
    return path
