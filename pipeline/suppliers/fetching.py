"""Bringing a supplier's files from the SFTP server where they wait."""
