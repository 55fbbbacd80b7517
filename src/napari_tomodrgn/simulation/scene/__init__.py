"""Scenes: whole tomograms with membranes, gold beads and junk picks, from which tilt images are cut."""
