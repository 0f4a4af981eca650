"""The API for programs, and for MCP."""
