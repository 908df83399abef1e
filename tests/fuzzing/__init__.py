"""Fuzzing of everything that is read: a corpus, mutations, the readers, and processes that watch them."""
