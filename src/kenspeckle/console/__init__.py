"""The web console: plain files (HTML, CSS, ES modules) that `kenspeckle.serving.console` serves as they are."""
