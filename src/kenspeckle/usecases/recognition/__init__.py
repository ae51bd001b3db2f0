"""Recognition: collections, enrolment, search, users, erasure."""
