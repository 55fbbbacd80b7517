"""What a seed may be."""

LARGEST_SEED = 2**32 - 1  # that all generators of random numbers take: numpy's, torch's, scikit-learn's
