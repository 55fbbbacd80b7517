"""Words that a person gives to classes, as "70S", "50S" and "junk", and the column that particles have by them."""

from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.analysis.columns import NONE, Classes, Column, Columns
from napari_tomodrgn.errors import InputError

SUFFIX = " named"


def named(column: str) -> str:
    """Return the name of the column that holds the labels of a column's classes."""
    return column + SUFFIX


def is_named(column: str) -> bool:
    """Return whether a column holds labels of another one's classes."""
    return column.endswith(SUFFIX)


def labelled_column(column: str) -> str:
    """Return the column whose classes have labels in a column; a column that holds no labels is its own."""
    return column.removesuffix(SUFFIX)


@dataclass(frozen=True)
class ClassLabels:
    """The labels of a column's classes.

    Attributes
    ----------
    of_class
        The label of each class that has one, by its code.
    names
        All labels in the order of their first use, so that a label keeps its colour while others come and go.
    digest
        Says which classes were meant.
    """

    of_class: dict[int, str]
    names: tuple[str, ...]
    digest: str

    @classmethod
    def none(cls, classes: Classes) -> "ClassLabels":
        """Return no labels of some classes."""
        return cls({}, (), classes.digest)

    def followed_by(self, classes: Classes, labels: dict[int, str]) -> "ClassLabels":
        """Return other labels, by code; those that are used still keep their place.

        Raises
        ------
        InputError
            Where there is no class of a code, or a label is empty.
        """
        for code, label in labels.items():
            if not 0 <= code < len(classes.names):
                raise InputError(f"class {code}: is not among the {len(classes.names)} classes; label one that is")
            if not label.strip():
                raise InputError(f"{classes.names[code]}: an empty label; give a word, or none at all")
        own = {int(code): labels[code].strip() for code in sorted(labels)}
        names = tuple(dict.fromkeys((*self.names, *(label.strip() for label in labels.values()))))
        return ClassLabels(own, _without_last(names, own), classes.digest)

    def renamed(self, before: str, after: str) -> "ClassLabels":
        """Return the labels with one of them called otherwise, in its place; called as another, it is joined to it."""
        own = {code: after if label == before else label for code, label in self.of_class.items()}
        if after in self.names:
            return ClassLabels(own, _without_last(self.names, own), self.digest)
        return ClassLabels(own, tuple(after if name == before else name for name in self.names), self.digest)

    def fit(self, column: Column | None) -> bool:
        """Return whether these are the labels of a column's classes as they are now."""
        if not isinstance(column, Classes) or column.digest != self.digest:
            return False
        # a file may have been changed by hand
        known = all(0 <= code < len(column.names) for code in self.of_class)
        return known and set(self.of_class.values()) <= set(self.names)

    def column(self, classes: Classes) -> Classes:
        """Return the labels by particle: a code (N,) of each, -1 where its class has no label."""
        table = np.full(len(classes.names) + 1, NONE, dtype=np.int64)  # the last is what code -1 finds
        for code, label in self.of_class.items():
            table[code] = self.names.index(label)
        return Classes(table[classes.codes], self.names)


def _without_last(names: tuple[str, ...], used: dict[int, str]) -> tuple[str, ...]:
    """Return names without those at the end that nothing has any more: others' codes stay as they are."""
    while names and names[-1] not in used.values():
        names = names[:-1]
    return names


def kept_classes(columns: Columns) -> Columns:
    """Return the classes that particles keep where another epoch has none of that name; labels are made from them."""
    return {name: own for name, own in columns.items() if isinstance(own, Classes) and not is_named(name)}


def with_named(columns: Columns, labels: dict[str, ClassLabels]) -> Columns:
    """Return columns and those of labels after them, where their classes are still those that were labelled."""
    found = dict(columns)
    for name, own in labels.items():
        classes = columns.get(name)
        if isinstance(classes, Classes) and own.fit(classes):
            found[named(name)] = own.column(classes)
    return found
