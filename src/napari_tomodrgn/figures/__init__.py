"""Figures and reports from analysis results."""
