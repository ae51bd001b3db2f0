"""For the tests of others: the pytest plugin, and the endpoint that it starts. No service imports it."""
