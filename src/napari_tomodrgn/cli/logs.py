"""Logs on stderr, so that stdout carries results alone."""

import logging
import sys

from napari_tomodrgn.progress import set_quiet

log = logging.getLogger("napari_tomodrgn")


class _StderrHandler(logging.Handler):
    """Write to whatever ``sys.stderr`` is now, above a progress bar where one is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


class _Sentence(logging.Formatter):
    """Messages as they are; a warning or an error says so."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


def set_up(quiet: bool, debug: bool) -> None:
    """Send the program's log to stderr; ``quiet`` asks for plain progress lines, ``debug`` for everything."""
    set_quiet(quiet)
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, _StderrHandler) for handler in log.handlers):
        handler = _StderrHandler()
        handler.setFormatter(_Sentence())
        log.addHandler(handler)
