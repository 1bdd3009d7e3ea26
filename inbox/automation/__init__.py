"""What the inbox does by itself, through the same gate and outbox as everybody."""
