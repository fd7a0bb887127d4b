"""The jobs: functions of objects that return values; the command line and Python call the same ones."""
