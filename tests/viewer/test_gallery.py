"""What the Class gallery knows, without a window: which particle stands for a class, how alike volumes are, labels."""

from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.viewer import gallery as module
from napari_tomodrgn.viewer.class_centres import centre_rows
from napari_tomodrgn.viewer.gallery import ClassGallery, correlation
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel

COLUMN, NAMED = "kmeans-3", "kmeans-3 named"
FRONT = np.eye(3)


@pytest.fixture
def gallery(analysed_run: Run) -> ClassGallery:
    session = Session()
    gallery = ClassGallery(session, VolumePanel(session))
    session.open_run(analysed_run.path)
    assert gallery.refresh()
    return gallery


def decoded(gallery: ClassGallery) -> ClassGallery:
    for code, volume in gallery.decode(gallery.undecoded([])):
        gallery.take(code, volume)
    return gallery


def test_the_middle_of_a_class_is_the_particle_nearest_to_its_mean() -> None:
    generator = np.random.default_rng(5)
    latents = generator.standard_normal((60, 3)).astype(np.float32)
    codes = generator.integers(-1, 4, 60)
    latents[codes == 2] = np.nan
    latents[7] = np.nan
    known = np.isfinite(latents).all(axis=1)
    found = centre_rows(Classes(codes, ("a", "b", "c", "d", "empty")), latents, known)
    assert found[[2, 4]].tolist() == [-1, -1]
    for code in (0, 1, 3):
        own = np.flatnonzero((codes == code) & known)
        far = [np.sum((latents[row] - latents[own].mean(axis=0)) ** 2) for row in own]
        assert found[code] == own[int(np.argmin(far))]


def test_classes_have_sizes_tomograms_and_the_volume_of_their_middle(gallery: ClassGallery, analysed_run: Run) -> None:
    session = gallery.session
    classes, tomograms = session.columns[COLUMN], session.columns["tomogram"]
    assert isinstance(classes, Classes)
    assert isinstance(tomograms, Classes)
    assert gallery.reference == int(np.argmax(classes.sizes))
    assert gallery.undecoded([])[0] == gallery.reference
    decoded(gallery)
    trained, latents = load_model(analysed_run), analysed_run.latents()
    z = {particle: latents.z_mean[row] for row, particle in enumerate(latents.ids)}
    assert session.particle_set is not None
    for code, own in gallery.classes.items():
        assert own.size == (classes.codes == code).sum()
        assert own.tomograms == len(set(tomograms.codes[classes.codes == code]))
        assert classes.codes[own.centre] == code
        latent = z[session.particle_set.ids[own.centre]]
        (expected,) = decode_volumes(trained.model.decoder, latent[None], standard_deviation=trained.standard_deviation)
        assert np.corrcoef(gallery.volumes[code].ravel(), expected.ravel())[0, 1] > 0.999
    assert gallery.correlation_of(gallery.reference) == pytest.approx(1)


def test_correlation_is_that_of_pearson_within_the_sphere() -> None:
    generator = np.random.default_rng(2)
    one, other = generator.standard_normal((2, 12, 12, 12)).astype(np.float32)
    z, y, x = np.indices(one.shape) - 6
    inside = z**2 + y**2 + x**2 < 36
    assert correlation(one, 3 * one + 2) == pytest.approx(1)
    assert correlation(one, -one) == pytest.approx(-1)
    assert correlation(one, other) == pytest.approx(np.corrcoef(one[inside], other[inside])[0, 1])
    outside = np.where(inside, one, 100)
    assert correlation(one, outside) == pytest.approx(1)
    assert correlation(one, np.zeros_like(one)) == 0


def test_another_class_is_compared_with(gallery: ClassGallery) -> None:
    decoded(gallery)
    first, second = gallery.in_order("CC")[:2]
    before = gallery.correlation_of(second)
    gallery.compare_with(second)
    assert gallery.correlation_of(second) == pytest.approx(1)
    assert gallery.correlation_of(first) == pytest.approx(before)
    assert gallery.in_order("CC")[0] == second


def test_sheets_are_sorted(gallery: ClassGallery) -> None:
    sizes = [gallery.classes[code].size for code in gallery.in_order("size")]
    assert sizes == sorted(sizes, reverse=True)
    gallery.label(2, "70S")
    gallery.label(0, "50S")
    assert gallery.in_order("label") == [2, 0, 1]
    assert gallery.in_order("class") == [0, 1, 2]


def test_labels_select_their_particles_and_are_taken_away(gallery: ClassGallery) -> None:
    session = gallery.session
    gallery.label(2, "70S")
    gallery.label(0, "70S")
    gallery.label(1, "junk")
    gallery.select("70S")
    classes = session.columns[COLUMN]
    assert isinstance(classes, Classes)
    assert (session.selected == np.isin(classes.codes, [0, 2])).all()
    assert session.rule == {"rule": "classes", "column": COLUMN, "classes": ["class 0", "class 2"], "label": "70S"}
    gallery.label(2, "")
    assert gallery.labels == {0: "70S", 1: "junk"}
    gallery.rename("junk", "70S")
    assert gallery.labels == {0: "70S", 1: "70S"}


def test_coloured_by_labels_it_shows_the_classes_that_are_labelled(gallery: ClassGallery) -> None:
    decoded(gallery)
    gallery.label(2, "70S")
    gallery.session.colour_by(NAMED)
    assert not gallery.refresh()
    assert gallery.column == COLUMN
    assert len(gallery.volumes) == 3
    colour = gallery.session.colouring.classes[0].colour
    assert gallery.classes[2].colour == gallery.label_colours["70S"] == colour
    assert gallery.classes[0].colour != colour


def test_pictures_have_one_level_and_one_pose(gallery: ClassGallery) -> None:
    assert gallery.picture(0, FRONT) is None
    assert gallery.window == 1
    decoded(gallery)
    picture = gallery.picture(0, FRONT, scale=2)
    assert picture is not None
    assert picture.shape == (32, 32, 3)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert (gallery.picture(0, turn, scale=2) != picture).any()
    gallery.panel.set_level(9.0)
    higher = gallery.picture(0, FRONT, scale=2)
    assert higher is not None
    assert (higher != picture).any()
    before = gallery.picture(0, FRONT, "slab")
    gallery.panel.low_pass = 150.0
    assert (gallery.picture(0, FRONT, "slab") != before).any()


def test_a_slab_is_the_mean_of_the_middle_planes_as_the_surface_is_seen() -> None:
    volume = np.zeros((16, 16, 16), np.float32)
    volume[8, 12, 3] = 1  # z, y, x
    picture = module._slab(volume, FRONT, (0.0, 0.3), 1)
    # y goes up in the picture
    assert np.argwhere(picture[..., 0] > 0).tolist() == [[15 - 12, 3]]
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x to y: (-5, 4) from the middle goes to (-4, -5)
    turned = module._slab(volume, quarter, (0.0, 0.3), 1)
    assert np.argwhere(turned[..., 0] > 0).tolist() == [[15 - 3, 4]]
    upwards = np.zeros((16, 16, 16), np.float32)
    upwards[12, 8, 8] = 1
    assert not module._slab(upwards, FRONT, (0.0, 0.3), 1).any()


def test_the_window_holds_what_is_above_the_level(gallery: ClassGallery) -> None:
    decoded(gallery)
    gallery.panel.shared_level = False
    z, y, x = np.indices((16, 16, 16)) - 8
    for code, radius in enumerate((3, 4, 2)):
        gallery.take(code, (z**2 + y**2 + x**2 <= radius**2).astype(np.float32))
    gallery.panel.set_level(2.5)
    # the largest ball and a voxel, and some room
    assert gallery.window == pytest.approx(2 * (4 + 1) / 16 * module.MARGIN)


def test_classes_without_latents_have_no_volume(gallery: ClassGallery) -> None:
    source, classes = gallery.panel.source(48), gallery.session.columns[COLUMN]
    assert isinstance(classes, Classes)
    source.latents[classes.codes == 1] = np.nan
    gallery.forget()
    assert gallery.refresh()
    assert 1 not in gallery.undecoded([])
    with pytest.raises(InputError, match="class 1: none of its particles has a latent"):
        gallery.look_at(1)
    with pytest.raises(InputError, match="class 1: has no latent"):
        gallery.compare_with(1)
    gallery.look_at(0)
    assert gallery.session.particle == gallery.classes[0].centre


def test_one_class_and_the_largest_of_very_many(gallery: ClassGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    session = gallery.session
    session.columns["one"] = Classes(np.zeros(24, np.int64), ("all",))
    session.colour_by("one")
    assert gallery.refresh()
    assert decoded(gallery).in_order("CC") == [0]
    session.columns["each"] = Classes(np.arange(24) // 2 * (np.arange(24) > 3), tuple(map(str, range(40))))
    session.colour_by("each")
    monkeypatch.setattr(module, "MOST_CLASSES", 5)
    assert gallery.refresh()
    assert len(gallery.classes) == 5
    assert 0 in gallery.classes
    assert gallery.left_out == 6  # 11 have particles


def test_what_has_no_gallery(gallery: ClassGallery, class_e_star: Path) -> None:
    gallery.session.colour_by("z0")
    with pytest.raises(InputError, match="coloured by z0: colour by classes"):
        gallery.refresh()
    assert gallery.classes == {}
    gallery.session.open_star(class_e_star)
    with pytest.raises(InputError, match="volumes need a run"):
        gallery.refresh()
