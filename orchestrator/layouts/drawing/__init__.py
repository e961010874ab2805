"""Drawing: text in any script, labels, borders, images. numpy arrays of 8 bits, RGB or alpha."""
