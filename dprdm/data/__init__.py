"""Where images and captions come from, and how training sees them."""
