"""``napari-tomodrgn demo``."""

from napari_tomodrgn.cli.demo import DemoOptions, demo
from napari_tomodrgn.cli.options import Command


def _run(options: DemoOptions, _as_json: bool) -> None:
    demo(options)


COMMAND = Command(
    DemoOptions,
    _run,
    details="Chains simulate, train, analyze and select, as the commands of these names do, trains again on the class "
    "selected, compares both with the truth, and says where to look next.",
)
