"""Sealed lists to their recipients over SFTP: nothing is opened here, nothing leaves without a permit."""
