"""What comes after sending: later words, recalls, notices, and what recipients say of their lists."""
