"""The drop folder of `kenspeckle watch`: arrivals, ledger of processed photographs, worker, and results."""
