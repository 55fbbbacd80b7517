"""One module per subcommand; no logic of its own."""
