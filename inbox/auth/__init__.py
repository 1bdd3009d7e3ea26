"""Who somebody is: passwords, and how often they may be tried."""
