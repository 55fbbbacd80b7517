"""The volumes of all particles as one ensemble: principal components of their voxels, classes, and likeness."""
