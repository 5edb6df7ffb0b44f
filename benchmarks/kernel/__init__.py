"""What the benchmarks of the kernel side share: networks, clocks, measures of a map, memory."""
