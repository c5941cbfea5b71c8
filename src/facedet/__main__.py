"""`python -m facedet`."""

from facedet.cli import main

main(prog_name="facedet")
