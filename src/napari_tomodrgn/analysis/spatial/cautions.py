"""What to be careful about, a sentence each."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood

NEIGHBOUR_IN_IMAGE = "class was learned from images that contain the neighbour"
_NAMED = 5  # classes named in a sentence


def cautions(found: "Neighbourhood") -> tuple[str, ...]:
    """Return a sentence for each thing that limits what may be concluded."""
    return tuple(each for each in (*_of_places(found), *_of_classes(found)) if each)


def _of_places(found: "Neighbourhood") -> list[str | None]:
    places = found.places
    alone = int((places.sizes == 1).sum())
    same = int((found.neighbours.distance[:, 0] == 0).sum())
    without = 0 if found.segment_distance is None else len(np.unique(places.tomogram[np.isnan(found.segment_distance)]))
    return [
        "there is one tomogram only, so nothing says how far another would differ: there are no intervals over "
        "tomograms"
        if len(places.tomograms) == 1
        else None,
        f"{alone} of {len(places.tomograms)} tomograms hold one particle, which has no neighbour" if alone else None,
        f"{same} particles stand in the very place of another; were they picked twice? `select --minimum-distance` "
        "keeps one of them"
        if same
        else None,
        "the particles' orientations are not known, so there are no directions" if places.rotation is None else None,
        "no tomogram holds five particles that span a volume, so there is no pair correlation; give --window"
        if found.pair_correlation is None
        else None,
        f"{without} of {len(places.tomograms)} tomograms have no segmentation" if without else None,
    ]


def _of_classes(found: "Neighbourhood") -> list[str | None]:
    labelling = found.labelling
    if labelling is None:
        return ["there are no classes, so none are held against one another; give --labels"]
    there = np.flatnonzero(labelling.sizes)
    if len(there) < 2:
        return [f"all particles are of one class ({labelling.names[there[0]]}), so there is nothing to hold it against"]
    single = [labelling.names[label] for label in np.flatnonzero(labelling.sizes == 1)]
    named = ", ".join(single[:_NAMED]) + ", …" * (len(single) > _NAMED)
    rare = 0 if found.enrichment is None else len(there) ** 2 - int(found.enrichment.tested.sum())
    return [
        box_caution(found),
        f"{named}: a class of one particle; of its neighbours nothing can be concluded" if single else None,
        f"{rare} of {len(there) ** 2} pairs of classes are too rare to be tested: fewer than one neighbour is expected "
        "by chance, or labels can't be dealt out otherwise"
        if rare
        else None,
    ]


def box_caution(found: "Neighbourhood") -> str | None:
    """Return that classes saw the neighbours that they are held against, where images reach that far."""
    diameter = found.learned_in or found.box_diameter
    if diameter is None or found.labelling is None:
        return None
    share = float(np.nanmean(found.neighbours.distance < diameter / 2))
    if share == 0:
        return None
    certain = "" if found.learned_in else "if these classes were learned in this box: "
    return (
        f"{certain}{NEIGHBOUR_IN_IMAGE}: {share:.0%} of the neighbours counted are nearer than half the box "
        f"({diameter / 2:.0f} Å), so classes may differ by them; learn classes in a tight box (`crop`, `train`, "
        "`analyze`) and give them with --labels"
    )
