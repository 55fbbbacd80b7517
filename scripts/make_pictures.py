"""Make the pictures of the docs: figures of the demo, a filled tomogram, and napari with what it opens.

``python scripts/make_pictures.py [DEMO]`` takes the figures of a finished demo, or runs one first. Without a screen it
starts a virtual one.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
FIGURES = ("overview", "pca", "umap", "landscape", "classes", "composition", "volumes", "hierarchy", "comparison")
WINDOW = (1400, 900)  # px


def demo_figures(demo_folder: Path) -> None:
    """Copy the figures of a demo, running it first where it is not there."""
    if not demo_folder.is_dir():
        from napari_tomodrgn.cli.demo import DemoOptions, demo

        demo(DemoOptions(outdir=demo_folder))
    (overview,) = demo_folder.glob("run/analysis/*/figures/*/overview.png")
    for name in FIGURES:
        shutil.copy(overview.with_name(f"{name}.png"), PICTURES / f"demo-{name}.png")
    with tempfile.TemporaryDirectory() as folder:
        _asked_besides(demo_folder / "run", Path(folder))


def _asked_besides(run: Path, folder: Path) -> None:
    """Draw how alike the demo's classes are over a hundred seeds, and defocus against latents, on a copy of its run."""
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
    from napari_tomodrgn.figures.write import write_figures

    copy = Path(shutil.copytree(run, folder / "run"))
    options = {"umap": False, "volumes": False, "overwrite": True}
    found = analyze(AnalyzeOptions(run=copy, clusters=4, seeds=100, columns=("rlnDefocusU",), **options))
    write_figures(found.folder, found.labelling, overwrite=True)
    for name in ("seeds", "columns"):
        shutil.copy(found.folder.figures(found.labelling) / f"{name}.png", PICTURES / f"demo-{name}.png")


def filled_tomogram(folder: Path) -> None:
    """Draw a slab of the sample's tomogram, and what ``export tomogram`` makes of its run there."""
    import matplotlib
    import mrcfile
    import numpy as np

    from napari_tomodrgn.figures.style import class_colours, new_figure, save, styled
    from napari_tomodrgn.interop.export_options import TomogramOptions
    from napari_tomodrgn.interop.export_tomogram import export_tomogram
    from napari_tomodrgn.viewer.sample_run import CLASSES, make_sample_run

    sample = make_sample_run(folder / "sample")
    name, file = next(iter(sample.tomograms.items()))
    written = export_tomogram(
        TomogramOptions(run=sample.run, outdir=folder / "filled", tomogram=name, tomogram_file=file)
    )
    raw, filled, classes = (mrcfile.read(path) for path in (file, written.density, written.classes))
    voxel = float(mrcfile.open(file, header_only=True).voxel_size.x) / 10  # nm
    middle, part = len(raw) // 2, slice(60, 220)  # voxels
    slab = slice(middle - 8, middle + 9)
    side = (part.stop - part.start) * voxel
    colours = ["#FFFFFF", *class_colours(CLASSES)]
    with styled():
        figure = new_figure(8.4, 2.7)
        for axes, title in zip(figure.subplots(1, 3), ("Tomogram", "Decoded volumes", "Classes"), strict=True):
            values = {"Tomogram": raw, "Decoded volumes": filled, "Classes": classes}[title][:, part, part]
            shown = {"extent": (0, side, side, 0), "interpolation": "nearest"}
            if title == "Classes":
                own = matplotlib.colors.ListedColormap(colours)
                axes.imshow(values[slab].max(axis=0), cmap=own, vmin=-0.5, vmax=CLASSES + 0.5, **shown)
                for label in range(CLASSES):
                    axes.plot([], [], "s", color=colours[label + 1], label=f"class {label}")
                figure.legend(loc="outside right center")
            else:
                mean = values[slab].mean(axis=0)
                low, high = np.percentile(mean, [0.5, 99.5])
                axes.imshow(mean, cmap="gray_r", vmin=low, vmax=high, **shown)
            axes.set_title(title)
            axes.set_xlabel("x (nm)")
        figure.axes[0].set_ylabel("y (nm)")
        save(figure, PICTURES / "interop-filled.png", formats=("png",))


def neighbour_figures() -> None:
    """Draw the neighbours of planted particles: chains of class 2, and class 1 often nearest to class 0."""
    import numpy as np

    from napari_tomodrgn.analysis.spatial.labelling import Labelling
    from napari_tomodrgn.analysis.spatial.neighbors import neighbourhood
    from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
    from napari_tomodrgn.figures.spatial import write_neighbours_folder
    from napari_tomodrgn.simulation.neighbourhoods import chains_among_others, with_a_pair

    places, links = chains_among_others(1, [6, 8, 10, 12], 180, tomograms=12)
    codes = np.random.default_rng(1).integers(0, 2, len(places))
    codes = with_a_pair(places, codes, 4, 1)
    codes[list({row for link in links for row in link})] = 2
    labelling = Labelling("planted", codes, ("class 0", "class 1", "class 2"))
    with tempfile.TemporaryDirectory() as folder:
        options = NeighborsOptions(
            particles=Path("planted.star"),
            outdir=Path(folder) / "neighbours",
            nearest=1,
            shade="200:260",
            chain_direction="0,0.6,0.8",
            chain_back="0.6,0,-0.8",
            chain_distance="180:280",
        )
        found = neighbourhood(options, places, labelling, folder=Path(folder) / "neighbours", box_diameter=330.0)
        for picture in write_neighbours_folder(found).glob("*.png"):
            shutil.copy(picture, PICTURES / f"neighbours-{picture.name}")


def curves_of_maps() -> None:
    """Draw the curves of one density on three grids, with noise, against its half-maps and against itself."""
    import numpy as np

    from napari_tomodrgn.figures.map_curves import write_curves_folder
    from napari_tomodrgn.particles.maps import write_map
    from napari_tomodrgn.reconstruction.map_curves import HALVES, WHOLE, FscOptions, map_curves
    from napari_tomodrgn.reconstruction.resample import resample
    from napari_tomodrgn.simulation.shapes import four_state_complex

    generator = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder, truth = Path(name), four_state_complex(96, 3.0)[0]
        for binning, box in ((4, 32), (2, 56), (1, 96)):
            pixel_size = 3.0 * binning
            density = resample(truth, 3.0, box, pixel_size)
            spread = 0.5 * density.max() / binning**1.5  # of the same noise, averaged over larger voxels
            noise = spread * generator.standard_normal((2, *density.shape))
            halves = density + noise
            for file, values in zip((WHOLE, *HALVES), (halves.mean(axis=0), *halves), strict=True):
                write_map(folder / f"binned {binning}" / file, values, pixel_size)
        write_map(folder / "truth.mrc", truth, 3.0)
        options = FscOptions(
            maps=tuple(sorted(folder.glob("binned *"), reverse=True)),
            reference=folder / "truth.mrc",
            mask_threshold=0.4 * float(truth.max()),
            mask_unit="angstrom",
            mask_dilate=8,
            mask_edge=24,
        )
        written = write_curves_folder(options, map_curves(options), folder / "out")
        shutil.copy(written / "curves.png", PICTURES / "fsc-curves.png")


def weights_of_tilts(folder: Path) -> None:
    """Draw how much each frequency of 41 simulated tilt images counts."""
    from napari_tomodrgn.analysis.inspection.weights import commonest_scheme, facts_of, tilt_weights
    from napari_tomodrgn.figures.weights import write_weights_figure
    from napari_tomodrgn.particles.reading import read_particles
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate

    star = simulate(SimulateOptions(outdir=folder / "tilts", particles=12, box=64, pixel_size=3.0, tilts=41))
    particles = read_particles(star)
    row, count = commonest_scheme(particles)
    found = tilt_weights(particles, row)
    write_weights_figure(folder / "weights", found, facts_of(particles, count), len(particles))
    shutil.copy(folder / "weights.png", PICTURES / "inspect-weights.png")


@contextmanager
def screen() -> Iterator[None]:
    """Provide a screen: the one there is, or a virtual one."""
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        yield
        return
    from pyvirtualdisplay import Display

    with Display(visible=False, size=(WINDOW[0] + 100, WINDOW[1] + 100), color_depth=24):
        yield


def napari_sample() -> None:
    """Take a picture of napari with the simulated tomogram of the sample data menu."""
    import napari
    from scipy.ndimage import gaussian_filter

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    viewer.open_sample("napari-tomodrgn", "simulated-tomogram")
    image, points = viewer.layers
    image.colormap = "gray_r"
    image.data = gaussian_filter(image.data, 1)
    image.reset_contrast_limits()
    points.opacity = 0.35
    viewer.screenshot(str(PICTURES / "napari-sample.png"), canvas_only=False, flash=False)
    viewer.close()


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo_figures(Path(sys.argv[1]) if sys.argv[1:] else Path(folder) / "demo-run")
        filled_tomogram(Path(folder))
        weights_of_tilts(Path(folder))
    neighbour_figures()
    curves_of_maps()
    with screen():
        napari_sample()


if __name__ == "__main__":
    main()
