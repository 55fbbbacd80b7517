"""The data check: whether what is assumed about the images is true."""
