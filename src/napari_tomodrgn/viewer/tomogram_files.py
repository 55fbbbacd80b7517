"""Which files show which tomogram: matched by name, never guessed, and for a person to change."""

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.tilt_series import global_block, resolve_star
from napari_tomodrgn.viewer.layers import tomogram_label

SUFFIXES = (".mrc", ".rec", ".map", ".tif", ".tiff", ".zarr")
RAW, DENOISED, SEGMENTATION, EVEN, ODD = VERSIONS = ("raw", "denoised", "segmentation", "even", "odd")
DEEPEST = 2  # folders below a given one that are looked into
# how the field's programs name what they made of a tomogram: beginnings of words in the name of a file or its folder
_WORDS = {
    SEGMENTATION: ("seg", "label", "mask", "membrane", "memb"),
    EVEN: ("even", "evn"),
    ODD: ("odd",),
    DENOISED: ("denois", "deconv", "cryocare", "isonet", "topaz", "ddw", "corrected"),
}
# columns in which RELION's tomograms stars name what was reconstructed
_NAMED = {
    "rlnTomoReconstructedTomogram": RAW,
    "rlnTomoReconstructedTomogramDenoised": DENOISED,
    "rlnTomoReconstructedTomogramHalf1": "half 1",
    "rlnTomoReconstructedTomogramHalf2": "half 2",
}
_WORD = re.compile(r"[^\W_]+")
_PIXEL_SIZE = re.compile(r"_\d+(\.\d+)?Apx")


class TomogramFiles:
    """The files of tomograms: of each tomogram one file a version (raw, denoised, segmentation, even, odd, …).

    Attributes
    ----------
    tomograms
        Names as the data set writes them.
    files
        Versions of each tomogram that has any, and their files.
    unassigned
        Files that belong to no tomogram so far, and why.
    pixel_sizes
        Å per voxel that a person said, by version and what the header says: see :func:`header_key`. What is said of
        one file counts for all of its version with such a header, so that it is asked once.
    """

    def __init__(self, tomograms: Sequence[str]) -> None:
        self.tomograms = tuple(tomograms)
        self._known = frozenset(tomograms)
        self.files: dict[str, dict[str, Path]] = {}
        self.unassigned: dict[Path, str] = {}
        self.pixel_sizes: dict[str, dict[str, float]] = {}
        self._shows: dict[Path, str] = {}  # the tomogram of each file, as there may be thousands
        self._named: dict[str, list[str]] = defaultdict(list)
        for name in self.tomograms:
            self._named[tomogram_label(name)].append(name)

    def add(self, paths: Iterable[Path | str]) -> int:
        """Match files, and the files in folders, to tomograms; return how many were newly matched.

        Those that match none, or more than one, are in ``unassigned`` afterwards; what was assigned stays.

        Raises
        ------
        InputError
            Where a path is not there.
        """
        matched = 0
        for path in _files_in(paths):
            if self.tomogram_of(path) is not None:
                continue
            found = self.match(path)
            if isinstance(found, str):
                self.unassigned[path] = found
                continue
            self.assign(path, *found)
            matched += 1
        return matched

    def add_named(self, particle_set: ParticleSet) -> int:
        """Assign the files that the set's tomograms star names itself, where they are there; return how many."""
        tomograms = particle_set.source.tomograms
        if tomograms is None:
            return 0
        table = global_block(tomograms)
        count = 0
        for column, version in _NAMED.items():
            if column not in table:
                continue
            for name, written in zip(table.strings("rlnTomoName"), table.strings(column), strict=True):
                if name in self.tomograms and version not in self.files.get(name, {}):
                    with suppress(InputError):  # not where the star says: a folder may be given instead
                        self.assign(resolve_star(written, tomograms.path), name, version)
                        count += 1
        return count

    def match(self, path: Path) -> tuple[str, str] | str:
        """Return the tomogram that a file's name says and the version, or why there is none.

        The longest of the tomograms' names that stands in the file's between other signs than letters and digits. A
        number beside it could be part of another tomogram's name, so such a file is left to a person.
        """
        stem = tomogram_label(_PIXEL_SIZE.sub("", path.stem))
        spans = [found.span() for found in _WORD.finditer(stem)]
        candidates = [(start, end) for start, _ in spans for _, end in spans if start < end]
        places = [place for place in candidates if stem[slice(*place)] in self._named]
        if stem in self._named:  # also a name that begins or ends with another sign
            places.append((0, len(stem)))
        if not places:
            return "its name holds that of no tomogram"
        longest = max(end - start for start, end in places)
        best = {stem[slice(*place)]: place for place in places if place[1] - place[0] == longest}
        names = [name for label in best for name in self._named[label]]
        if len(names) > 1:
            return f"its name holds those of {' and '.join(names)}"
        (label, (start, end)), (name,) = next(iter(best.items())), names
        before, after = _WORD.findall(stem[:start]), _WORD.findall(stem[end:])
        if (after and after[0].isdigit()) or (before and before[-1].isdigit() and label[0].isdigit()):
            return f"its name holds {label} beside another number"
        return name, self._free_version(name, path, [*before, *after])

    def _free_version(self, tomogram: str, path: Path, words: list[str]) -> str:
        """Return the version that words of the name say, else the folder's; told apart where there is one already."""
        version = version_said(path, words)
        taken = self.files.get(tomogram, {})
        if version not in taken:
            return version
        additions = filter(None, ("_".join(words), path.parent.name, *map(str, range(2, len(taken) + 3))))
        return next(each for each in (f"{version} ({addition})" for addition in additions) if each not in taken)

    def assign(self, path: Path | str, tomogram: str, version: str = RAW) -> None:
        """Say which tomogram a file shows and as which version; another file of that version becomes unassigned.

        Raises
        ------
        InputError
            Where there is no such tomogram.
        """
        if tomogram not in self._known:
            raise InputError(f"{path}: can't show {tomogram}, which is no tomogram of the data set; choose one of its")
        path = Path(path).absolute()
        self.remove(path)
        versions = self.files.setdefault(tomogram, {})
        if version in versions:
            self.unassigned[versions[version]] = f"was replaced by {path.name}"
            del self._shows[versions[version]]
        versions[version] = path
        self._shows[path] = tomogram
        self.unassigned.pop(path, None)

    def unassign(self, path: Path | str) -> None:
        """Take a file from its tomogram, and keep it among those without one."""
        path = Path(path).absolute()
        self.remove(path)
        self.unassigned[path] = "was taken from its tomogram"

    def remove(self, path: Path | str) -> None:
        """Forget a file."""
        path = Path(path).absolute()
        self.unassigned.pop(path, None)
        tomogram = self._shows.pop(path, None)
        if tomogram is None:
            return
        kept = {version: each for version, each in self.files[tomogram].items() if each != path}
        if kept:
            self.files[tomogram] = kept
        else:
            del self.files[tomogram]

    def tomogram_of(self, path: Path | str) -> str | None:
        """Return the tomogram that a file shows."""
        return self._shows.get(Path(path).absolute())

    def versions(self, tomogram: str) -> dict[str, Path]:
        """Return the versions of a tomogram and their files."""
        return dict(self.files.get(tomogram, {}))

    def missing(self) -> str | None:
        """Return in one sentence which assigned files are not there (any more), ``None`` where all are."""
        paths = [path for versions in self.files.values() for path in versions.values()]
        gone = [path for path in paths if not path.exists()]
        if not gone:
            return None
        others = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        return (
            f"{gone[0]}{others}: {'are' if others else 'is'} not there of {len(paths)} tomogram files; add the folder "
            "where they are now"
        )

    def relocate(self, paths: Iterable[Path | str]) -> int:
        """Replace files that are missing by those of the same name among files and folders; return how many."""
        there: dict[str, list[Path]] = defaultdict(list)
        for path in _files_in(paths):
            there[path.name].append(path)
        found = 0
        for tomogram, versions in self.files.items():
            for version, path in versions.items():
                if not path.exists() and len(there[path.name]) == 1:
                    versions[version] = there[path.name][0]
                    self.unassigned.pop(versions[version], None)
                    self._shows[versions[version]] = tomogram
                    self._shows.pop(path, None)
                    found += 1
        return found

    def set_pixel_size(self, version: str, header: float | None, pixel_size: float) -> None:
        """Say which pixel size in Å files of a version have whose header says another one, or none.

        Raises
        ------
        InputError
            If it is no number above 0.
        """
        if not (math.isfinite(pixel_size) and pixel_size > 0):
            raise InputError(f"pixel size of {version} tomograms: is {pixel_size}; expected a number above 0, in Å")
        self.pixel_sizes.setdefault(version, {})[header_key(header)] = float(pixel_size)

    def pixel_size(self, version: str, header: float | None) -> float | None:
        """Return the Å per voxel of a file of a version: what a person said, else its header, else ``None``."""
        return self.pixel_sizes.get(version, {}).get(header_key(header), header)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return {
            "pixel_sizes": self.pixel_sizes,
            "files": {name: {key: str(path) for key, path in own.items()} for name, own in self.files.items()},
            "unassigned": {str(path): why for path, why in self.unassigned.items()},
        }

    @classmethod
    def from_dict(cls, tomograms: Sequence[str], document: Any) -> "TomogramFiles":
        """Return what :meth:`as_dict` gave; files of tomograms that are no longer there are unassigned.

        Raises
        ------
        InputError
            Where it has another form.
        """
        result = cls(tomograms)
        try:
            for version, sizes in document.get("pixel_sizes", {}).items():
                result.pixel_sizes[version] = {str(header): float(size) for header, size in sizes.items()}
            result.unassigned = {Path(path): str(why) for path, why in document["unassigned"].items()}
            for name, versions in document["files"].items():
                for version, path in versions.items():
                    if name in result._known:
                        result.assign(path, name, version)
                    else:
                        result.unassigned[Path(path)] = f"showed {name}, which the data set has no more"
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise InputError(
                f"tomogram files: could not be read ({error!r}); add the tomograms' folder again"
            ) from error
        return result


def header_key(pixel_size: float | None) -> str:
    """Return what the pixel size in a file's header is remembered by, ``None`` where it has none that can be right."""
    return "none" if pixel_size is None else f"{pixel_size:.4g}"


def _files_in(paths: Iterable[Path | str]) -> Iterator[Path]:
    """Yield the files that could be tomograms, those in folders by name; an OME-Zarr is a folder and one of them."""
    for each in paths:
        path = Path(each).absolute()
        if not path.exists():
            raise InputError(f"{path}: is not there; give the folder of the tomograms, or their files")
        if path.is_file() or path.suffix.lower() == ".zarr":
            yield path
            continue
        for folder, folders, names in os.walk(path):
            here = Path(folder)
            images = [name for name in folders if name.lower().endswith(".zarr")]
            deep = len(here.relative_to(path).parts) >= DEEPEST
            folders[:] = [] if deep else sorted(name for name in folders if name not in images and name[0] != ".")
            wanted = (name for name in [*names, *images] if name[0] != "." and name.lower().endswith(SUFFIXES))
            yield from (here / name for name in sorted(wanted))


def version_said(path: Path, words: Iterable[str] | None = None) -> str:
    """Return the version that words of a file's name say (default: all of them), else its folder's name, else raw."""
    words = _WORD.findall(path.stem) if words is None else words
    return _version_of(words) or _version_of(_WORD.findall(path.parent.name)) or RAW


def _version_of(words: Iterable[str]) -> str | None:
    lowered = [word.lower() for word in words]
    for version, beginnings in _WORDS.items():
        if any(word.startswith(beginnings) for word in lowered):
            return version
    return None
