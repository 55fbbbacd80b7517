"""Which class volume explains each particle's images best, asked of images that did not make it."""
