"""From raw text to batches: sources, token store, packing, stream, loader."""
