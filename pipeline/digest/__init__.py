"""People are told what waits for them: once a day, by mail and webhook, in words without a family in them."""
