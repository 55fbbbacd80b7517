"""What a data set is: particles, tilt images, selections, and the star files and stacks that hold them."""
