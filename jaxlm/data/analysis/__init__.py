"""What a corpus is made of: mergeable statistics, and what in them looks wrong."""
