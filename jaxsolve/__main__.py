"""Host: ``python -m jaxsolve``."""

from jaxsolve.cli import main

main()
