"""The tests. Importing this package first lets every axis in the engine's signatures be checked at run time."""

from jaxtyping import install_import_hook

install_import_hook("engine", "beartype.beartype")
