"""What would have happened: histories of cases played again under another policy.

Owns the playing, the comparison of two courses and the tally over many cases. Pure: nothing here
reads a file, a database or a clock, and no running case is touched.
"""
