"""How much of each part of a complex is there, in each of many volumes."""
