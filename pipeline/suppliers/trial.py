"""A supplier's first test file, held against everything, with nothing recorded and nothing sent."""
