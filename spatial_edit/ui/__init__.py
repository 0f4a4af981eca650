"""The app: a canvas, two tabs, an API. Only app.py and bench import it."""
