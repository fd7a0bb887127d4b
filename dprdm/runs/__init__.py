"""What a run leaves on disk: its folder, its results, and how they are read back and tracked."""
