"""The job kinds of the poem site, one module each."""
