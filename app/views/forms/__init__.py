"""Forms as templates see them."""
