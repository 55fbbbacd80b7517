"""Session, layers, readers and writers for napari."""
