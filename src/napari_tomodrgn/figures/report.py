"""The report of a run at an epoch: one HTML file that holds its pictures and opens without a network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.columns import columns_caption
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.further_sections import further_sections
from napari_tomodrgn.figures.html import folded, page, picture, settings_table, table
from napari_tomodrgn.figures.landscape import caption as landscape_caption
from napari_tomodrgn.figures.run_sections import lineage, methods_section, training
from napari_tomodrgn.figures.seeds import seeds_caption
from napari_tomodrgn.figures.style import colours_of_classes
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.runs.run import Run

CAPTIONS = {
    "pca": "Latents along their principal components, coloured by class. White points: the particle nearest to each "
    "class centre, which stands for the class.",
    "umap": "UMAP of the latents. It shows who neighbours whom; distances between groups and the size of a group mean "
    "little.",
    "landscape": "{landscape} Who lies near whom may be read here as far as in the picture before.",
    "classes": "Particles in each class, and how the particles of each tomogram divide into classes; where "
    "tomograms are very many, the largest are shown.",
    "composition": "The same with columns as wide as each tomogram's share of the particles: every area is a share of "
    "all {particles} particles in {tomograms} tomograms, {title}. A class that fills one column only is a property "
    "of that tomogram until shown otherwise.",
    "volumes": "Volumes decoded at the class centres: central slices and projections, each view on one grey scale.",
    "hierarchy": "Which classes are alike: a tree by average linkage of {likeness}, {title}, its leaves turned so that "
    "neighbours are as alike as the tree lets them be, and the same numbers as a matrix in that order. A tree is drawn "
    "of any classes, also of those that differ by noise alone.",
    "seeds": "{seeds}",
    "columns": "{columns}",
    "comparison": "How alike the class volumes are, {masked}: Fourier shell correlation with the largest class, the "
    "resolution down to which it stays above 0.5 for every pair (≤ where it does to the end), Pearson correlation.",
}
MASKED = "within the soft mask of Powell and Davis (2024) around the density of all class volumes"
UNMASKED = "without a mask, as the soft mask of Powell and Davis (2024) does not fit the box"
NOTE = """
<p>A class is a set of particles whose latents lie near one another. From this page you may conclude which particles the
model draws alike, and what it draws for them; not that a class is a state of the molecule, nor how many states there
are, nor to what resolution one is known. k-means always returns as many classes as it is asked for, whether or not the
particles fall into groups, and cuts a continuous motion into pieces. Latents may follow a nuisance instead of
structure: the tomogram, the defocus, the number of tilts, the view direction, junk. A class volume is decoded at one
particle's latent and is no average of the class's images; the Fourier shell correlation between two class volumes says
how they differ, not how far either can be trusted. Call a class a state once it comes back with other seeds and another
number of classes, once its volume explains tilt images that were held out better than chance assignments do, and once
its particles alone show it in a backprojection with half-maps
(<code>napari-tomodrgn select</code>, then <code>napari-tomodrgn reconstruct --backproject</code>).</p>
"""


def write_report(folder: AnalysisFolder, contents: Sequence[Content]) -> Path:
    """Write the report of an epoch of a run: where it came from, its training, what was found, and its methods.

    The figures of the labellings are there already; there may be no labelling. What other commands found is shown by
    the pictures that they left.

    Raises
    ------
    InputError
        Where the run can't be read.
    """
    run = Run.open(folder.run)
    epoch = folder.epoch if run.epochs or contents else None
    sections = {"Lineage": lineage(run), "Training": training(run, epoch)}
    sections |= {content.title[:1].upper() + content.title[1:]: _section(folder, content) for content in contents}
    sections |= further_sections(folder)
    if contents:
        sections["What a class is, and what it is not"] = f'<div class="note">{NOTE}</div>'
    sections["Methods"] = methods_section(run, epoch, [content.settings for content in contents])
    name = run.path.resolve().name
    title = f"Analysis of {name}, epoch {folder.epoch}" if contents else f"Run {name}"
    with atomic_open(folder.report) as stream:
        stream.write(page(title, _subtitle(run, contents), sections))
    return folder.report


def _subtitle(run: Run, contents: Sequence[Content]) -> str:
    if contents:
        return f"{len(contents[0].labels)} particles in {len(contents[0].composition)} tomograms"
    particles = run.document["data"].get("particles")
    return f"{particles} particles, not analysed" if particles else "not analysed"


def _section(folder: AnalysisFolder, content: Content) -> str:
    pictures = folder.figures(content.name)
    masked = MASKED if content.comparison is not None and content.comparison.masked else UNMASKED
    said = {
        "masked": masked,
        "landscape": landscape_caption(content),
        "particles": f"{len(content.labels):,}",
        "tomograms": len(content.composition),
        "title": content.title,
        "columns": "" if content.columns is None else columns_caption(content),
        "seeds": "" if content.seeds is None else seeds_caption(content),
        "likeness": "the distances of class centres in latent space"
        if content.comparison is None
        else f"one less the correlation of class volumes {masked}",
    }
    figures = [
        picture((pictures / f"{name}.png").read_bytes(), caption.format(**said))
        for name, caption in CAPTIONS.items()
        if _is_shown(name, content) and (pictures / f"{name}.png").is_file()  # an older version drew fewer
    ]
    return "\n".join(
        [
            _class_table(folder, content),
            *figures,
            _composition_table(content),
            folded("Settings of the analysis", settings_table(content.settings)),
        ]
    )


def _is_shown(name: str, content: Content) -> bool:
    if name == "umap":
        return content.embedding.umap is not None
    if name in ("seeds", "columns"):
        return getattr(content, name) is not None
    return content.volumes is not None if name in ("volumes", "comparison") else True


def _class_table(folder: AnalysisFolder, content: Content) -> str:
    total = len(content.labels)
    rows = []
    for label, colour in enumerate(colours_of_classes(content.names)):
        centre = content.centres.iloc[label]
        volume = folder.volumes(content.name) / f"vol_{label:03d}.mrc"
        cells = [
            f'<td><i style="background:{colour}"></i> {content.class_name(label)}</td>',
            f'<td class="n">{content.sizes[label]}</td>',
            f'<td class="n">{content.sizes[label] / total:.1%}</td>',
            f"<td>{escape(str(centre['particle']))} in {escape(str(centre['tomogram']))}</td>",
        ]
        if content.volumes is not None:
            cells.append(f"<td><code>{escape(str(volume.relative_to(folder.run)))}</code></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    last = "<th>volume</th>" if content.volumes is not None else ""
    head = f'<tr><th>class</th><th class="n">particles</th><th class="n">share</th><th>centre particle</th>{last}</tr>'
    return table(head, rows)


def _composition_table(content: Content) -> str:
    """Return the numbers behind the picture of tomograms, folded away."""
    counts = content.composition
    numbers = "".join(f'<th class="n">{label}</th>' for label in counts.columns)
    rows = []
    for name, values in zip(counts.index, counts.to_numpy(), strict=True):
        cells = "".join(f'<td class="n">{value}</td>' for value in [*values, values.sum()])
        rows.append(f"<tr><td>{escape(str(name))}</td>{cells}</tr>")
    head = f'<tr><th>tomogram</th>{numbers}<th class="n">all</th></tr>'
    return folded("Particles of each class in each tomogram, as numbers", table(head, rows))
