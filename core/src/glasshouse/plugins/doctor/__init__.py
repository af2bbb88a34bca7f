"""Problems of the installed plugins, and how to fix them."""
