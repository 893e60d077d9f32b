"""The recipients: the register that several persons signed, passwords, and whether each can be reached."""
