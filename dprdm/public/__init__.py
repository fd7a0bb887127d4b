"""What public rows tell of private ones before any is read. All of it is free, and none of it can leak."""
