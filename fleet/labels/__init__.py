"""Labels with barcodes for sheets and rolls, as PDF, exact to the tenth of a millimetre."""
