"""Long work: jobs are queued in the catalog, and run in steps by whichever process takes them on."""
