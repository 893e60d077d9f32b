"""The ways in: a council's sign-on (OpenID Connect), or a link that is good once, for this machine alone."""
