"""A private collection as counts and means of public cells: released once, it answers every query after that."""
