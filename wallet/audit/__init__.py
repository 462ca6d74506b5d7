"""The auditor's kit: what recomputes, seals and checks a book without trusting what wrote it."""
