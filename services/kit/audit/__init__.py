"""Who has read whose private data: written before they are given it, kept, and looked up."""
