"""How long each class of data is kept: the classes, the chore that prunes, and how it is shown."""
