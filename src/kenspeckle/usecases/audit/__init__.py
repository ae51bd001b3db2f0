"""The audit trail: recording, verification, receipts."""
