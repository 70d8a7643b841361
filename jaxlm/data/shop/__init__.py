"""The data shop: raw documents in, a clean corpus and a report out."""
