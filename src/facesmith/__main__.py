"""`python -m facesmith` is the `facesmith` command."""

from facesmith.cli import main

main(prog_name="facesmith")
