"""Controls: what must NOT be found, and what must not matter."""

from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt
import torch
from discrete import train
from scipy.stats import kurtosis, skew
from sets import command, simulate_ribosomes, truth
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Batch, split_tilts
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.store import DirectImages

PERMUTATIONS = 39
TOMOGRAMS = 8


def corner_statistics(star: Path, states: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return how often a particle's state is told from its images' corners, and the most that chance allows (p = 0.01).

    Mean, standard deviation, skewness and kurtosis of the pixels outside the circle, averaged over the tilts.
    """
    particle_set = read_particles(star)
    stacks, box = ImageStacks(particle_set), particle_set.box
    y, x = np.indices((box, box)) - box // 2
    corners = np.hypot(y, x) > box / 2
    features = []
    for begin, end in zip(particle_set.first_tilt[:-1], particle_set.first_tilt[1:], strict=True):
        pixels = stacks.read(np.arange(begin, end))[:, corners].ravel()
        features.append([pixels.mean(), pixels.std(), skew(pixels), kurtosis(pixels)])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    value = float(cross_val_score(model, np.array(features), states, cv=5).mean())
    chance = np.bincount(states).max() / len(states)
    return value, float(chance + 2.33 * np.sqrt(chance * (1 - chance) / len(states)))


def unit_deviation(star: Path, run: Run, folder: Path) -> float:
    """Return by how much the ARI changes when every image is scaled to a standard deviation of 1 and embedded."""
    folder.mkdir()
    before = embedded_ari(star, star, run, folder / "before.npz")
    (folder / star.name).write_bytes(star.read_bytes())
    (stack,) = star.parent.glob("*.mrcs")
    with mrcfile.open(stack, permissive=True) as source:
        images = source.data / source.data.std(axis=(1, 2), keepdims=True)
        # the run's images are scaled as a whole; these have to come in the same units
        images *= source.data.std()
    with mrcfile.new(folder / stack.name) as target:
        target.set_data(images.astype(np.float32))
    return abs(embedded_ari(folder / star.name, star, run, folder / "after.npz") - before)


def embedded_ari(star: Path, known: Path, run: Run, output: Path) -> float:
    """Return the ARI of k-means on the latents that a run's encoder gives particles, with what is known of them."""
    command("embed", star, "--run", run.path, "--output", output)
    latents = Latents.load(output)
    labels = cluster(latents.z_mean, 4, method="kmeans", seed=0).labels
    return float(adjusted_rand_score(truth(known, latents)["label"], labels))


def own_latent_gain(star: Path, run: Run) -> tuple[float, float, float]:
    """Return what particles gain on held-out tilts from their own latents, and the same with others' latents.

    The gain is the mean over particles of loss(mean latent) - loss(own latent), in units of its standard error over
    the particles. The second value is the largest gain when latents are permuted between particles, 39 times: where
    the first is above it, the latents say something of the particles (p = 0.025).
    """
    trained, settings = load_model(run), run.settings
    particle_set = read_particles(star)
    split = split_tilts(particle_set, settings["held_out_fraction"], settings["held_out_by"], settings["seed"])
    source = DirectImages(particle_set, standard_deviation=trained.standard_deviation)
    compute = Compute(torch.device("cpu"), "off")
    images = Images.on(compute.device, particle_set, source, Weighting())
    batch = images.of(Batch.of(np.arange(len(particle_set)), split.held_out))
    decoder = trained.model.decoder
    decoding = Decoding(decoder, images.lattice, images.weighting, compute)
    z = torch.from_numpy(run.latents().z_mean)

    @torch.no_grad()
    def losses(latents: torch.Tensor) -> npt.NDArray[np.float64]:
        return decoding.losses(batch, decoder.latent_input(latents)).double().numpy()

    reference = losses(z.mean(0).expand_as(z))
    own = reference - losses(z)
    error = own.std() / np.sqrt(len(own))
    generator = torch.Generator().manual_seed(0)
    permuted = [
        float((reference - losses(z[torch.randperm(len(z), generator=generator)])).mean() / error)
        for _ in range(PERMUTATIONS)
    ]
    return float(own.mean() / error), max(permuted), float(np.mean(permuted))


def one_state(folder: Path, particles: int, epochs: int) -> tuple[float, float]:
    """Return the gain of own latents of one state of the same size, and the largest of its null."""
    star = simulate_ribosomes(folder / "particles", particles, states=("",), seed=10)
    run = train(star, folder / "run", epochs=epochs)
    return own_latent_gain(star, run)[:2]


def tomograms(folder: Path, particles: int, epochs: int) -> float:
    """Return how often the tomogram of one structure is told from its latent, by the best of three classifiers.

    The tomograms differ in noise (1 to 2 times), defocus, dose and number of tilts.
    """
    nuisance = ("--tomograms", TOMOGRAMS, "--noise-spread", 2, "--dose-spread", 1.5, "--missing-tilts", 10)
    star = simulate_ribosomes(folder / "particles", particles, *nuisance, states=("",), seed=11)
    run = train(star, folder / "run", epochs=epochs)
    z, tomogram = run.latents().z_mean, [name for name, _ in run.latents().ids]
    classifiers = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        KNeighborsClassifier(15),
        RandomForestClassifier(300, min_samples_leaf=5, random_state=0),
    )
    return max(float(cross_val_score(each, z, tomogram, cv=5).mean()) for each in classifiers)
