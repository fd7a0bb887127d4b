"""How good the images are, beside images that anybody may see. Each number stands with whose features it is made of."""
