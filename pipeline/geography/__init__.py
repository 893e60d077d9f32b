"""Geography: where a postcode is, and which recipient serves it. Sees references and postcodes alone."""
