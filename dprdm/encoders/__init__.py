"""Images and captions to unit vectors in one space."""
