"""What the project is measured against: the same public model, fine-tuned on the private images with DP-SGD."""
