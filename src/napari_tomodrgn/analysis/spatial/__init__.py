"""Where particles stand to one another in their tomograms, and whether that is more than chance."""
