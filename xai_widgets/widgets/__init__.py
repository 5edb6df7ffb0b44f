"""What appears in the notebook: traits and wiring, no mathematics."""
