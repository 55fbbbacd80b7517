"""Make the pictures of the docs: figures of the demo, and napari with what it opens.

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
FIGURES = ("overview", "pca", "umap", "classes", "volumes", "comparison")
WINDOW = (1400, 900)  # px


def demo_figures(demo_folder: Path) -> None:
    """Copy the figures of a demo, running it first where it is not there."""
    if not demo_folder.is_dir():
        from napari_tomodrgn.cli.demo import DemoOptions, demo

        demo(DemoOptions(outdir=demo_folder))
    (overview,) = demo_folder.glob("run/analysis/*/figures/*/overview.png")
    for name in FIGURES:
        shutil.copy(overview.with_name(f"{name}.png"), PICTURES / f"demo-{name}.png")


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
    viewer.dims.set_point(0, image.extent.world[1, 0] / 2)
    viewer.dims.thickness = (200.0, 1.0, 1.0)  # show the points of a slab
    viewer.reset_view()
    viewer.screenshot(str(PICTURES / "napari-sample.png"), canvas_only=False, flash=False)
    viewer.close()


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo_figures(Path(sys.argv[1]) if sys.argv[1:] else Path(folder) / "demo-run")
    with screen():
        napari_sample()


if __name__ == "__main__":
    main()
