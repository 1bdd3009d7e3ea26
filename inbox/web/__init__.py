"""The web: webhooks in, pages and the API for agents, one websocket for events."""
