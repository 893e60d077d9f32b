"""Geography: where a postcode is, and which recipient serves it. Sees references and postcodes alone.

Placing; a newcomer begins with `place`:
    postcodes, statuses     how a postcode is written; how one is placed, or why it is not: the rules
    place                   the way of a text to its placement, one by one
    directory, reach        the two built files that are looked up in, opened by read_only
    repairing, reading      which postcode a mistyped one can only mean
    frames, bulk, numbers   the same placements for a month, and for very many postcodes at once
    why, neighbours         each step for a person who asks, and hints for one who must decide
    enrichment              what else is known of the area: ward, small area, deprivation, locality

Building the two files, each by written:
    source, layout, content, building, releases   the postcode directory from what is published
    areas, geojson, polygons, compiling           the reach index from lists and drawn areas
    upgrading                                     lists of small areas of 2011 as those of 2021

Looking at them:
    examining, looks, findings   what is wrong with reach areas
    comparing, tiles             what a newer release changes; a map of squares
    tables                       CSV files by their headings
"""
