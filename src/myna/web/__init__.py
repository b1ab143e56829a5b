"""The web server: the app's own API, the OpenAI-compatible one, search, and the built pages."""
