"""Photographs by content digest, in a folder or a bucket; and photographs in places that the operator named."""
