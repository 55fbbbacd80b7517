"""How a selection was made, as plain values: rules, and what they were combined to.

Kept with a selection as ``created_from``. ``add``, ``intersect`` and ``subtract`` take what comes later ``of`` their
list together with, within, or away from what came before; ``invert`` means all other particles. What comes later in
``intersect`` and ``subtract`` looks at the particles alone that came before: outliers among them, the best of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_tomodrgn.analysis.known import Known, Mask
from napari_tomodrgn.analysis.rules import Rule
from napari_tomodrgn.errors import InputError

Tree = Mapping[str, Any]

ADD, SUBTRACT, INTERSECT, INVERT = "add", "subtract", "intersect", "invert"
SELECTION = "selection"  # that was shown: its name, and how it was made
NOTHING = "none"
_JOINED = {ADD: " or ", SUBTRACT: " without ", INTERSECT: " and "}
BY_HAND = ("click", "points", "table")
_RULES: TypeAdapter[Any] = TypeAdapter(Rule)


def combined(how: str, trees: Sequence[Tree]) -> dict[str, Any]:
    """Return a tree of several; those chosen one by one stay what they are, however many clicks they were."""
    if all(tree.get("rule") in BY_HAND for tree in trees):
        return dict(trees[-1])
    first, *others = map(dict, trees)
    of = [*first["of"], *others] if first.get("rule") == how else [first, *others]
    if len(of) > 2 and of[-1] == of[-2] and of[-1].get("rule") in BY_HAND:
        del of[-1]
    return {"rule": how, "of": of}


def inverted(tree: Tree) -> dict[str, Any]:
    """Return the tree of all other particles."""
    if tree.get("rule") == INVERT:
        return dict(tree["of"][0])
    return {"rule": INVERT, "of": [dict(tree)]}


def from_selection(name: str, made: Tree) -> dict[str, Any]:
    """Return the tree of what a named selection holds."""
    return {"rule": SELECTION, "name": name, "made": dict(made)}


def parent_of(tree: Tree) -> str | None:
    """Return the name of the selection that a tree begins with, ``None`` where it begins with particles."""
    while tree.get("rule") in (*_JOINED, INVERT) and tree.get("of"):
        tree = _checked(tree["of"][0])
    return str(tree["name"]) if tree.get("rule") == SELECTION and "name" in tree else None


def particles_of(tree: Tree, known: Known, among: Mask | None = None) -> Mask:
    """Return (N,) which particles a tree means, of all or of some.

    Raises
    ------
    InputError
        Where it is no tree of rules, was made by hand, or needs what is not known of the particles.
    """
    among = known.everyone if among is None else among
    how = tree.get("rule")
    if how == NOTHING:
        return ~known.everyone
    if how == SELECTION:
        return particles_of(_part(tree, "made", Mapping), known, among)
    if how not in (*_JOINED, INVERT):
        mask: Mask = _leaf(tree).mask(known, among)
        return mask
    first, *others = (_checked(each) for each in _part(tree, "of", Sequence) or [{}])
    if how == INVERT:
        return among & ~particles_of(first, known)
    result = particles_of(first, known, among)
    for each in others:
        if how == ADD:
            result = result | particles_of(each, known, among)
        elif how == INTERSECT:
            result = particles_of(each, known, result)
        else:
            result = result & ~particles_of(each, known, result)
    return result


def _leaf(tree: Tree) -> Any:
    if tree.get("rule") in BY_HAND:
        raise InputError(
            "particles that were chosen one by one can't be chosen again by rule; use the selection itself"
        )
    try:
        return _RULES.validate_python(dict(tree))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"rule {tree.get('rule')!r}: {where or 'it'} can't be applied ({first['msg']})") from error


def _part(tree: Tree, name: str, kind: type) -> Any:
    found = tree.get(name)
    if not isinstance(found, kind) or isinstance(found, str):
        raise InputError(f"rule {tree.get('rule')!r}: has no valid {name!r}; make the selection again")
    return found


def _checked(part: Any) -> Tree:
    if not isinstance(part, Mapping):
        raise InputError(f"{part!r}: is no rule; make the selection again")
    return part


def in_words(tree: Tree) -> str:
    """Return how a selection was made, in words; of rules of other versions what can be said."""
    how = tree.get("rule")
    of = [each for each in tree.get("of") or () if isinstance(each, Mapping)]
    if how in _JOINED and of:
        return _JOINED[str(how)].join(_in_brackets(each) for each in of)
    if how == INVERT and of:
        return f"not {_in_brackets(of[0])}"
    if how == SELECTION:
        return str(tree.get("name"))
    if how in BY_HAND:
        return "chosen one by one"
    if not tree or how == NOTHING:
        return "nothing"
    try:
        return str(_leaf(tree).text)
    except InputError:
        return str(how)


def _in_brackets(tree: Tree) -> str:
    text = in_words(tree)
    return f"({text})" if tree.get("rule") in _JOINED else text
