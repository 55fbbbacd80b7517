"""Figures and the report of an analysis, drawn without any window."""
