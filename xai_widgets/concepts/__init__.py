"""What a network knows over a whole data set: what its units like."""
