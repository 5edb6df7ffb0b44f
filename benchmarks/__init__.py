"""What is fast, measured beside its peers in one run: `python -m benchmarks [names…] [--quick]`."""
