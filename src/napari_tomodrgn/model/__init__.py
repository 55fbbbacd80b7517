"""Encoder, pooling, decoder, and the VAE that joins them."""
