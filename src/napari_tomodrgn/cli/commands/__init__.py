"""The subcommands, one module each: ``COMMAND`` binds an options model to the function of its room."""
