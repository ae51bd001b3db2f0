"""The web console: plain files (HTML, CSS, ES modules) that `kenspeckle.api.console` serves as they are."""
