"""The report of an analysis: one HTML file that holds its pictures and opens without a network."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import DPI, class_colours
from napari_tomodrgn.files import atomic_open

CSS_PIXELS = 96  # an inch
BROAD = 620  # wider pictures are scrolled in a narrow window, as their text would be too small to read
CAPTIONS = {
    "pca": "Latents along their principal components, coloured by class. White points: the particle nearest to each "
    "class centre, which stands for the class.",
    "umap": "UMAP of the latents. It shows who neighbours whom; distances between groups and the size of a group mean "
    "little.",
    "training": "What the training minimised, epoch by epoch. The dotted line marks the epoch shown here.",
    "classes": "Particles in each class, and how the particles of each tomogram divide into classes; where "
    "tomograms are very many, the largest are shown.",
    "volumes": "Volumes decoded at the class centres: central slices and projections, each view on one grey scale.",
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
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:1080px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin-bottom:.2em} h2{margin-top:2em;border-bottom:1px solid #d9d9d9} p.sub{color:#555;margin-top:0}
table{border-collapse:collapse;margin:1em 0} td,th{padding:.25em .9em .25em 0;text-align:left;vertical-align:top}
th{border-bottom:1px solid #767676} td.n,th.n{text-align:right} i{display:inline-block;width:.8em;height:.8em}
td,th{white-space:nowrap} .wide{overflow-x:auto} summary{cursor:pointer;color:#444}
figure{margin:1.6em 0} figure img{max-width:100%;height:auto} figcaption{color:#444;max-width:48em}
code{background:#f2f2f2;padding:0 .25em} .note{background:#f6f6f2;padding:.2em 1em;border-left:4px solid #e69f00}
.note code{white-space:nowrap}
@media(max-width:760px){img.broad{max-width:none!important}}
"""
_PAGE = Template(
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    "<title>$title</title>\n<style>$style</style></head>\n"
    '<body>\n<h1>$title</h1>\n<p class="sub">$subtitle</p>\n$sections\n'
    '<h2>What a class is, and what it is not</h2>\n<div class="note">$note</div>\n</body></html>\n'
)


def write_report(folder: AnalysisFolder, contents: Sequence[Content]) -> Path:
    """Write the report of all labellings of an epoch, whose figures are there already; return its path."""
    particles = len(contents[0].labels)
    page = _PAGE.substitute(
        title=escape(f"Analysis of {folder.run.resolve().name}, epoch {folder.epoch}"),
        subtitle=f"{particles} particles in {len(contents[0].composition)} tomograms",
        style=_STYLE,
        sections="\n".join(_section(folder, content) for content in contents),
        note=NOTE,
    )
    with atomic_open(folder.report) as stream:
        stream.write(page)
    return folder.report


def _section(folder: AnalysisFolder, content: Content) -> str:
    pictures = folder.figures(content.name)
    masked = MASKED if content.comparison is not None and content.comparison.masked else UNMASKED
    figures = [
        _figure(pictures / f"{name}.png", caption.format(masked=masked))
        for name, caption in CAPTIONS.items()
        if _is_shown(name, content)
    ]
    return "\n".join(
        [
            f"<h2>{escape(content.title)}</h2>",
            _class_table(folder, content),
            *figures,
            _composition_table(content),
            "<h3>Settings</h3>",
            _settings_table(content.settings),
        ]
    )


def _is_shown(name: str, content: Content) -> bool:
    if name == "umap":
        return content.embedding.umap is not None
    return content.volumes is not None if name in ("volumes", "comparison") else True


def _class_table(folder: AnalysisFolder, content: Content) -> str:
    total = len(content.labels)
    rows = []
    for label, colour in enumerate(class_colours(content.classes)):
        centre = content.centres.iloc[label]
        volume = folder.volumes(content.name) / f"vol_{label:03d}.mrc"
        cells = [
            f'<td><i style="background:{colour}"></i> {label}</td>',
            f'<td class="n">{content.sizes[label]}</td>',
            f'<td class="n">{content.sizes[label] / total:.1%}</td>',
            f"<td>{escape(str(centre['particle']))} in {escape(str(centre['tomogram']))}</td>",
        ]
        if content.volumes is not None:
            cells.append(f"<td><code>{escape(str(volume.relative_to(folder.run)))}</code></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    last = "<th>volume</th>" if content.volumes is not None else ""
    head = f'<tr><th>class</th><th class="n">particles</th><th class="n">share</th><th>centre particle</th>{last}</tr>'
    return _table(head, rows)


def _composition_table(content: Content) -> str:
    """Return the numbers behind the picture of tomograms, folded away."""
    counts = content.composition
    numbers = "".join(f'<th class="n">{label}</th>' for label in counts.columns)
    rows = []
    for name, values in zip(counts.index, counts.to_numpy(), strict=True):
        cells = "".join(f'<td class="n">{value}</td>' for value in [*values, values.sum()])
        rows.append(f"<tr><td>{escape(str(name))}</td>{cells}</tr>")
    table = _table(f'<tr><th>tomogram</th>{numbers}<th class="n">all</th></tr>', rows)
    return f"<details><summary>Particles of each class in each tomogram, as numbers</summary>{table}</details>"


def _settings_table(settings: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><td>{escape(str(name))}</td><td>{escape(_shown(value))}</td></tr>" for name, value in settings.items()
    )
    return _table("<tr><th>setting</th><th>value</th></tr>", rows)


def _table(head: str, rows: Iterable[str]) -> str:
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value is None else str(value)


def _figure(path: Path, caption: str) -> str:
    """Return a picture at the size it was drawn for, so that all text on the page is of one size."""
    picture = path.read_bytes()
    width = int.from_bytes(picture[16:20], "big") * CSS_PIXELS / DPI  # the PNG header's own width
    data = base64.b64encode(picture).decode("ascii")
    kind = ' class="broad"' if width > BROAD else ""
    tag = f'<img{kind} alt="{escape(caption)}" width="{width:.0f}" src="data:image/png;base64,{data}">'
    return f'<figure><div class="wide">{tag}</div><figcaption>{escape(caption)}</figcaption></figure>'
