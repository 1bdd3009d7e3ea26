"""Assent: a chat-first omnichannel inbox in which no message leaves without consent."""

__version__ = "0.1.0"
