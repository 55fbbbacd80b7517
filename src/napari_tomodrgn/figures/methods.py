"""A methods paragraph about a run, from its settings and data, ready to paste."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from napari_tomodrgn.runs.ancestry import Ancestor, ancestors
from napari_tomodrgn.runs.run import Run

METHOD = (
    "Powell, B. M. & Davis, J. H. Learning structural heterogeneity from cryo-electron sub-tomograms with tomoDRGN. "
    "Nat. Methods 21, 1525–1536 (2024). doi:10.1038/s41592-024-02210-z"
)
EXPOSURE = (
    "Grant, T. & Grigorieff, N. Measuring the optimal exposure for single particle cryo-EM using a 2.6 Å "
    "reconstruction of rotavirus VP6. eLife 4, e06980 (2015). doi:10.7554/eLife.06980"
)
UMAP = (
    "McInnes, L., Healy, J. & Melville, J. UMAP: uniform manifold approximation and projection for dimension "
    "reduction. arXiv:1802.03426 (2018)"
)
HDBSCAN = (
    "Campello, R. J. G. B., Moulavi, D. & Sander, J. Density-based clustering based on hierarchical density estimates. "
    "PAKDD 2013, LNCS 7819, 160–172 (2013)"
)
_SOURCES = {
    "warp": "a Warp/M star file",
    "cryosrpnt": "a cryoSRPNT star file",
    "nextpyp": "a nextPYP star file",
    "warptools": "a WarpTools optimisation set",
    "relion5": "a RELION 5 optimisation set",
}
_CTF = {0: "CTF-corrected", 1: "affected by the CTF once", 2: "premultiplied with the CTF"}
_ATTENUATION = {
    "none": "not weighted by exposure",
    "dose": "weighted by exposure already",
    "dose-tilt": "weighted by exposure and by the cosine of the tilt already",
}
_HEIGHT = {
    "plus": "each particle's height along the beam was added to its defocus",
    "minus": "each particle's height along the beam was subtracted from its defocus",
    "none": "defoci were used as recorded",
}
_POOLING = {"mean": "the mean", "max": "the maximum", "median": "the median", "attention": "attention"}
_ENCODINGS = {"gaussian": "Gaussian random features of spread {sigma:g} × half the box"}
NOTATION = " (nodes × hidden layers)"
_METHODS = {"kmeans": "k-means", "gmm": "a Gaussian mixture model", "hdbscan": "HDBSCAN"}


class _References:
    """What was cited, numbered in the order of first use."""

    def __init__(self) -> None:
        self.cited: list[str] = []

    def __call__(self, reference: str) -> str:
        if reference not in self.cited:
            self.cited.append(reference)
        return f" [{self.cited.index(reference) + 1}]"


def methods(run: Run, epoch: int | None, labellings: Sequence[Mapping[str, Any]] = ()) -> tuple[str, list[str]]:
    """Return the paragraph, and the references that it cites.

    Parameters
    ----------
    run, epoch
        The run, and the epoch that was looked at (``None`` where there is none yet).
    labellings
        The settings of each analysis of the epoch, as ``settings-METHOD-K.json`` has them.
    """
    cite = _References()
    parts = [
        _program(run, cite),
        _imported(run),
        _data(run),
        _forward_model(run, cite),
        *_history(run),
        _network(run),
        _training(run, epoch),
        _weights(run, cite),
        _held_out(run),
        *_labelled(labellings, cite),
    ]
    return " ".join(part for part in parts if part), cite.cited


def _program(run: Run, cite: _References) -> str:
    versions = dict(run.document.get("versions") or {})
    own = versions.pop("napari-tomodrgn", None)
    names = {"python": "Python", "torch": "PyTorch", "numpy": "NumPy"}
    others = ", ".join(f"{names.get(name, name)} {version}" for name, version in versions.items())
    what = "Structural heterogeneity was analysed" if run.latent_dim else "A map was reconstructed"
    program = f"napari-tomodrgn{f' {own}' if own else ''}{f' ({others})' if others else ''}"
    return f"{what} with {program} by the method of Powell and Davis{cite(METHOD)}."


def _imported(run: Run) -> str:
    """Say which program trained it, where it was another one; the networks are then as they were taken over."""
    imported = run.document.get("imported")
    if not isinstance(imported, Mapping):
        return ""
    program = " ".join(str(each) for each in (imported.get("program"), imported.get("version")) if each)
    return (
        f"The model was trained with {program} and taken over; the networks below are those that give its latents and "
        "volumes here."
    )


def _data(run: Run) -> str:
    data = run.document["data"]
    particles, images = data.get("particles"), data.get("tilt_images")
    counts = _counted(particles, "particle") + (f" ({_counted(images, 'tilt image')})" if images else "")
    size = ""
    if data.get("box") and data.get("pixel_size"):
        size = f", in boxes of {data['box']} pixels of {data['pixel_size']:.4g} Å,"
    source = _SOURCES.get(data["dialect"], f"a star file ({data['dialect']})")
    first = run.settings.get("first_tilts")
    some = f" Only the first {first} tilt images of each particle were used." if first else ""
    return f"{counts or 'Particles'}{size} {'was' if particles == 1 else 'were'} read from {source}.{some}"


def _counted(number: int | None, what: str) -> str:
    return "" if number is None else f"{number:,} {what}{'' if number == 1 else 's'}"


def _forward_model(run: Run, cite: _References) -> str:
    model = run.document["data"]["forward_model"]
    scaled = " (scaled by 0.8 at 200 kV)" if model["voltage_rule"] == "scaled" else ""
    hand = " Maps were written in the mirrored hand." if model["map_hand"] == "flip" else ""
    shifted = ", shifted to its middle" if run.settings.get("dose_middle") and model["dose_at"] != "middle" else ""
    at = {"middle": "at the middle of"}.get(model["dose_at"], model["dose_at"])
    return (
        f"Images were taken as {_CTF[model['ctf_power']]} and {_ATTENUATION[model['attenuation']]}, with particles "
        f"{model['contrast']}; the exposure recorded for a tilt image as that {at} it{shifted}, with critical "
        f"exposures as measured by Grant and Grigorieff{cite(EXPOSURE)}{scaled}; "
        f"{_HEIGHT[model['defocus_height']]}.{hand}"
    )


def _history(run: Run) -> list[str]:
    """Return a sentence for each run that this one came from."""
    return [sentence for ancestor in ancestors(run) if (sentence := _descent(ancestor))]


def _descent(ancestor: Ancestor) -> str:
    where = f"run {ancestor.path.name}" if ancestor.path is not None else "an earlier data set"
    if ancestor.run is not None and ancestor.run.document["data"].get("particles"):
        where += f", trained on {_counted(ancestor.run.document['data']['particles'], 'particle')}"
    if ancestor.selection_name is None:
        return f"Training began with the weights of {where}."
    count = "" if ancestor.selection is None else f" ({_counted(len(ancestor.selection), 'particle')})"
    return f"Particles had been selected as {ancestor.selection_name}{count} in {where}."


def _network(run: Run) -> str:
    model = run.document["model"]
    if "decoder" not in model:
        return ""
    encoding = _ENCODINGS.get(str(model.get("positional_encoding")), "the positional encoding {name}")
    features = encoding.format(sigma=model.get("feature_sigma", 0.5), name=model.get("positional_encoding"))
    has_encoder = bool(run.latent_dim) and model.get("pooling") not in ("linear", "none")
    notation = "" if has_encoder else NOTATION  # explained where it is met first
    decoder = f"a decoder of {_layers(model['decoder'])}{notation} on {features}"
    counts = [f"{model['decoder_parameters']:,} learned parameters"] if model.get("decoder_parameters") else []
    seed = f", initialised with seed {model['seed']}" if "seed" in model else ""
    if not run.latent_dim:
        return f"The network was {decoder}, without latents, with {counts[0] if counts else 'learned weights'}{seed}."
    dimensions = f"a latent of {run.latent_dim} dimension{'' if run.latent_dim == 1 else 's'}"
    encoder = _encoder(model)
    if counts and model.get("encoder_parameters"):
        where = "the encoder" if has_encoder else "the latents"
        counts = [f"{model['encoder_parameters']:,} learned parameters in {where}", f"{counts[0]} in the decoder"]
    counted = f", with {' and '.join(counts)}" if counts else ""
    return f"{encoder}, {dimensions} and {decoder}{counted}{seed}."


def _encoder(model: Mapping[str, Any]) -> str:
    pooling = model.get("pooling")
    if pooling == "linear":
        return "The model had no encoder network (latents were solved for in a space of a few volumes, learned first)"
    if pooling == "none":
        return "The model had no encoder (each particle's latent was fitted together with the decoder)"
    joined = (
        f"joined over {model['tilts']} tilt images of each particle by concatenation"
        if pooling == "concatenate"
        else f"pooled over the tilt images of each particle by {_POOLING.get(str(pooling), str(pooling))}"
    )
    return (
        f"The variational autoencoder had an encoder A of {_layers(model['encoder_a'])}{NOTATION} for each tilt image, "
        f"whose {model['encoder_a_out']} outputs were {joined}, an encoder B of {_layers(model['encoder_b'])}"
    )


def _layers(layers: Iterable[int]) -> str:
    return "x".join(map(str, layers))


def _training(run: Run, epoch: int | None) -> str:
    settings = run.settings
    if "learning_rate" not in settings:
        return ""
    last = max([*run.epochs, epoch or 0]) or settings["epochs"]
    schedule = ", falling to 0 as a cosine" if settings.get("learning_rate_schedule") == "cosine" else ""
    decay = f", weight decay {settings['weight_decay']:g}" if settings.get("weight_decay") else ""
    text = (
        f"It was trained for {last} epoch{'' if last == 1 else 's'} with AdamW (learning rate "
        f"{settings['learning_rate']:g}{schedule}{decay}; {_counted(settings['batch_size'], 'particle')} a step; "
        f"seed {settings['seed']})"
    )
    if run.latent_dim:
        text += f", the KL divergence weighted by {_beta(run)}"
    extras = {
        "spectral_prior": "a prior on the volume's power at each resolution",
        "fit_contrast": "a contrast fitted for each particle",
        "refine_poses": "small turns and shifts fitted for each particle",
    }
    given = [words for name, words in extras.items() if settings.get(name)]
    text += f", with {_listed(given)}" if given else ""
    return text + "." + (f" Epoch {epoch} was used." if epoch is not None and epoch != last else "")


def _beta(run: Run) -> str:
    settings = run.settings
    if settings.get("kl_target"):
        return f"a β that holds it at {settings['kl_target']:g} nats a particle"
    beta = settings.get("beta")
    text = f"β = {beta:g}" if beta is not None else f"β = 1/{run.latent_dim}"
    schedule = settings.get("beta_schedule", "constant")
    return text if schedule == "constant" else f"{text} ({schedule} schedule)"


def _weights(run: Run, cite: _References) -> str:
    settings = run.settings
    weights = {
        "dose_weight": f"exposure{cite(EXPOSURE)}",
        "tilt_weight": "the cosine of the tilt",
        "whiten": "one over the noise's power at each resolution",
    }
    given = [words for name, words in weights.items() if settings.get(name)]
    parts = [f"The loss was weighted by {_listed(given)}"] if given else []
    if settings.get("dose_mask"):
        parts.append("frequencies past their optimal exposure were left out")
    if settings.get("focus_mask"):
        parts.append("only what lies in the shadow of a soft mask counted")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _held_out(run: Run) -> str:
    share = run.settings.get("held_out_fraction")
    if not share:
        return ""
    what = "of each particle's tilt images" if run.settings.get("held_out_by") == "tilt" else "of the particles"
    return f"{share:.0%} {what} were held out of the training."


def _labelled(labellings: Sequence[Mapping[str, Any]], cite: _References) -> list[str]:
    sentences = [
        f"Latents were divided into {each['clusters']} classes by {_METHODS.get(each['method'], each['method'])} "
        f"({_found_with(each, cite)})"
        + (", and a volume was decoded at the particle nearest to each class's centre" if each.get("volumes") else "")
        + "."
        for each in labellings
    ]
    mapped = next((each for each in labellings if each.get("umap")), None)
    if mapped is not None:
        how = f"{mapped['neighbours']} neighbours (seed {mapped['seed']})"
        sentences.append(f"A UMAP{cite(UMAP)} of the latents was made with {how}.")
    return sentences


def _found_with(labelling: Mapping[str, Any], cite: _References) -> str:
    if labelling["method"] != "hdbscan":
        return f"seed {labelling['seed']}"
    rest = "; what lies in no dense place was kept apart" if labelling.get("noise") is not None else ""
    return f"{labelling['smallest']} particles or more each{rest}{cite(HDBSCAN)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
