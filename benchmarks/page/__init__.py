"""What `benchmarks.browser` needs of the page and of the kernel behind it."""
