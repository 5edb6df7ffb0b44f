"""Is an explanation any good? One file a property."""
