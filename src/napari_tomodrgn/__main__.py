"""``python -m napari_tomodrgn COMMAND``, as a launcher of processes calls it."""

from napari_tomodrgn.cli.main import main

main()
