"""Is what a decoder shows of some particles in their images: three maps of them, and a test."""
