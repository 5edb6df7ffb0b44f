"""What goes into the network: pictures, baselines, samples."""
