"""Photographs by content digest, in a folder or a bucket; and photographs in buckets that the operator configured."""
