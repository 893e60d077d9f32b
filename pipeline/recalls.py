"""What comes after sending: a later word about a family reaches every recipient that ever had it."""
