"""The job kinds of the storms: pure ones in two phases, and one with effects."""
