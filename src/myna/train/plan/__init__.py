"""What so many GPUs can train, in what layout, time, energy and money; arithmetic alone."""
