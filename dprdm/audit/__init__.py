"""Does the code keep what it claims? Attacks on the real pipeline, and the same attacks on code broken on purpose."""
