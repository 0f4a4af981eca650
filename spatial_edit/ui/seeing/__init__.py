"""Seeing what an edit did: maps, differences, variations, films, files opened again."""
