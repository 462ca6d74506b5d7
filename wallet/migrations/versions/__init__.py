"""The revisions, each as it was when it was written: they use nothing of today's schema."""
