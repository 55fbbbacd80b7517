"""Messages in napari's own way."""


def show_error(message: str) -> None:
    """Show what went wrong."""
    from napari.utils.notifications import show_warning  # show_error would raise in scripts

    show_warning(message)
