"""What any training needs: callbacks, resuming, schedules, progress bars, several processes."""
