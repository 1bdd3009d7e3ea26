"""The provider side of our channels over real HTTP, and a page where one writes as the customer.

Demo, tests and load runs use it instead of Meta and Twilio; a connector cannot tell it from them
but by its base URL. It knows nothing of the inbox, so that both can only agree by keeping the
provider's contract. A kind of channel is one module here: `whatsapp.py`, `messenger.py`,
`instagram.py`, `sms.py`, `gmail.py`.

Run it with `python -m connectors.simulator --port 0`; the control API is described in `control.py`.
"""
