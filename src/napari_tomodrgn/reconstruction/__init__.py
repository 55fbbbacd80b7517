"""Volumes: decoded or backprojected, masks and FSC."""
