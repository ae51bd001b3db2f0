"""The drop folder of `kenspeckle watch`: what arrives, what is done already, the work, and the results beside it."""
