"""Where an atomic model lies in a map."""
