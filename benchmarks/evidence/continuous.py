"""A continuous motion: whether the first latent component follows it."""

from pathlib import Path

from discrete import train
from scipy.stats import spearmanr
from sets import DATA, command, truth

from napari_tomodrgn.analysis.embeddings import principal_components

PARTICLES = 1000


def continuous(folder: Path, particles: int = PARTICLES, epochs: int = 6) -> float:
    """Return |Spearman's rank correlation| of the first principal component with the planted coordinate.

    Mm-cpn between its open and its closed conformation (PDB 3IYF, 3J03), 8 Å/px.
    """
    models = ("--model", DATA / "mmcpn" / "3iyf.pdb", "--morph-to", DATA / "mmcpn" / "3j03.pdb")
    star = folder / "particles" / "particles.star"
    command("simulate", star.parent, *models, "--particles", particles, "--box", 32, "--pixel-size", 8)
    run = train(star, folder / "run", epochs=epochs)
    latents = run.latents()
    first = principal_components(latents.z_mean).coordinates[:, 0]
    return abs(float(spearmanr(first, truth(star, latents)["coordinate"]).statistic))
