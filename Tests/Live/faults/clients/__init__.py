"""The clients: each a thread with a generator of its own, asking whichever node it likes."""
