"""The terminal's rooms: what a command needs from the machine, its documents, and how a person sees them.

terminal    database, calendar, clock, standard output, progress
outcomes    errors into exit codes and one line
documents   the library's values as JSON documents
tables      those documents for a person to read
doctor      whether this installation and its database are in order

With `cli`, the only places that know typer and rich. What is heavy to import is imported where it is used.
"""
