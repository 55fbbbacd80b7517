"""napari-tomodrgn: what each particle of a cryo-electron tomogram looks like, and where it stands in the cell."""

__version__ = "0.1.0"
