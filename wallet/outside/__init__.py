"""What comes from outside and goes there: files of the transfer agent, statements of the bank, and breaks."""
