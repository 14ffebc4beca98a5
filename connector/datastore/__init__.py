"""What a fetch task has seen and sent, and which attempt holds the task."""
