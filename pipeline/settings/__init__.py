"""What stands in `birthshare.toml` and in the register of recipients: every setting, and what it may be."""
