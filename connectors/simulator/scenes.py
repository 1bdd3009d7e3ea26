"""The conversations of the demo: customers of Harbour Kettles, a shop for kitchen things.

Data only. Whoever seeds a demo turns `minutes_ago` into times, writes inbound lines as the customer
or puts all of it into `POST /history`, and draws `image` with `pictures.draw`. Unread is what the
customer wrote after the shop's last line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SHOP = "Harbour Kettles"
_HOUR = 60
_DAY = 24 * _HOUR


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """`auto_reply`: what they answer after `answers_after_s`, one to each message of the shop.
    Who has no `phone` writes on Messenger and Instagram only; who has an `email`, by mail."""

    id: str
    name: str
    phone: str = ""
    email: str = ""
    username: str | None = None
    auto_reply: tuple[str, ...] = ()
    answers_after_s: float = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """`direction` as in world.Direction; `status` of the shop's lines; `image` names a picture.

    reaction   the emoji that the other side has put on it
    edited     the customer has changed it: `text` is what it says now
    story      `reply`: it answers the shop's story, which `image` shows
    subject    of a mail; one without answers the mail before it
    """

    minutes_ago: int
    direction: Literal["inbound", "outbound", "network"]
    text: str
    image: Literal["kettle", "parcel"] | None = None
    status: str | None = None
    reaction: str | None = None
    edited: bool = False
    story: Literal["reply"] | None = None
    subject: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One thread, its lines oldest first."""

    customer: Person
    kind: Literal["whatsapp", "sms", "messenger", "instagram", "gmail"]
    lines: tuple[Line, ...]


def _theirs(minutes_ago: int, text: str, image: Literal["kettle", "parcel"] | None = None) -> Line:
    return Line(minutes_ago=minutes_ago, direction="inbound", text=text, image=image)


def _read(minutes_ago: int, text: str) -> Line:
    return Line(minutes_ago=minutes_ago, direction="outbound", text=text, status="read")


def _delivered(minutes_ago: int, text: str) -> Line:
    return Line(minutes_ago=minutes_ago, direction="outbound", text=text, status="delivered")


MAYA = Person(
    id="maya",
    name="Maya Ortiz",
    phone="+15550100",
    email="maya.ortiz@example.com",
    username="maya.ortiz",
)
LEO = Person(
    id="leo",
    name="Leo Park",
    phone="+15550101",
    auto_reply=(
        "That was quick, thank you! The order number is HK-2218 by the way.",
        "Yes, Thursday after four works for me 👍",
        "Perfect. I'll leave the porch light on.",
        "Thanks for sorting this out. Have a good one!",
    ),
)
NADIA = Person(id="nadia", name="Nadia Haddad · نادية حداد", phone="+15550102")
TOM = Person(id="tom", name="Tom Whitaker", phone="+15550103")
GRACE = Person(id="grace", name="Grace Mbeki", phone="+15550104")
PRIYA = Person(id="priya", name="Priya Raman", phone="+15550105")
OLIVER = Person(id="oliver", name="Oliver Svensson", phone="+15550106", username="oliver.bakes")
HANNAH = Person(id="hannah", name="Hannah Cole", phone="+15550107")
SAM = Person(id="sam", name="Sam Okafor", phone="+15550108")

SCENES: tuple[Scene, ...] = (
    Scene(
        customer=MAYA,
        kind="whatsapp",
        lines=(
            _theirs(52, "Hi! I ordered the blue enamel kettle on Tuesday, order HK-2231."),
            _read(47, "Hi Maya, good to hear from you. Let me look that up."),
            _read(45, "It left us yesterday and should be with you tomorrow before noon."),
            _theirs(41, "Lovely, thank you ☺️"),
            _theirs(4, "Small thing: the courier says the address has no door number."),
            _theirs(3, "It is number 12. Can you still pass that on?"),
        ),
    ),
    Scene(
        customer=LEO,
        kind="whatsapp",
        lines=(
            _theirs(26, "Hello, is it possible to move my delivery to later this week?"),
            _read(21, "Hi Leo, of course. Which day would suit you?"),
            _theirs(9, "Thursday or Friday, after work if you can."),
        ),
    ),
    Scene(
        customer=PRIYA,
        kind="whatsapp",
        lines=(
            _theirs(95, "Good morning, my parcel arrived like this. Is the box meant to be open?"),
            _theirs(94, "The kettle itself looks fine, I think.", image="parcel"),
            _read(
                83, "Good morning Priya, no, that tape should have been whole. Sorry about that."
            ),
            _read(82, "Could you fill it once and see whether the spout drips?"),
            _theirs(38, "Filled it, not a drop. But the lid has a tiny chip on the rim."),
        ),
    ),
    Scene(
        customer=NADIA,
        kind="whatsapp",
        lines=(
            _theirs(3 * _HOUR + 12, "مرحبا، هل الغلاية الزرقاء متوفرة الآن؟"),
            _read(3 * _HOUR, "مرحبا نادية، نعم، لدينا ثلاث قطع في المخزن."),
            _theirs(2 * _HOUR + 41, "رائع! هل يصل الطلب HK-2240 قبل يوم الجمعة؟"),
        ),
    ),
    Scene(
        customer=OLIVER,
        kind="whatsapp",
        lines=(
            _theirs(
                5 * _HOUR + 30,
                "Hi there, a long one, sorry. I run a small bakery with a tea room and we are "
                "choosing kettles for the new place. We need six of them, all the same, with a "
                "gooseneck spout, and they have to survive being used forty times a day. "
                "The old ones lasted eleven months and then the handles came loose.\n\n"
                "My questions:\n"
                "1. Is the handle of the Pilot riveted or screwed?\n"
                "2. Can we get spare lids?\n"
                "3. Is there a price for six?\n"
                "4. We open on the 12th. Is that realistic at all? 😅",
            ),
            _read(
                5 * _HOUR + 4,
                "Hi Oliver, not too long at all. The Pilot is riveted, spare lids are £9 each, and "
                "six come at 15 % off. If you order by Wednesday, the 12th is safe.",
            ),
            _theirs(4 * _HOUR + 50, "That is exactly what I hoped to read 🎉"),
            _theirs(
                4 * _HOUR + 48, "Do you send an invoice first, or do I pay in the shop online?"
            ),
            _read(4 * _HOUR + 30, "We send the invoice today, with 14 days to pay."),
            _theirs(4 * _HOUR + 21, "Great. Then six Pilots in black, please."),
            _read(4 * _HOUR + 10, "Noted: six Pilots, black. The invoice is on its way 🫖"),
        ),
    ),
    Scene(
        customer=TOM,
        kind="whatsapp",
        lines=(
            _theirs(
                2 * _DAY + 190, "Do you repair old stovetop kettles? The whistle fell off mine."
            ),
            _read(2 * _DAY + 170, "We do. Which model is it? There is a stamp underneath."),
            _theirs(2 * _DAY + 150, "It says Harbour No. 4, 1998 😄"),
        ),
    ),
    Scene(
        customer=GRACE,
        kind="sms",
        lines=(
            _delivered(70, "Harbour Kettles: your order HK-2236 is ready to collect at the shop."),
            _theirs(58, "Great, until when are you open today?"),
            _delivered(55, "Until six, and we keep it for you until Saturday."),
            _theirs(13, "I might be five minutes late, would someone still be there?"),
        ),
    ),
    Scene(
        customer=SAM,
        kind="sms",
        lines=(
            _theirs(_DAY + 40, "Is the descaler safe for the enamel one"),
            _delivered(_DAY + 31, "Hi Sam, yes: one sachet, ten minutes, rinse twice."),
            _theirs(_DAY + 30, "thanks 👍"),
        ),
    ),
    Scene(
        customer=HANNAH,
        kind="sms",
        lines=(
            _theirs(3 * _DAY, "Hi, has HK-2190 been sent yet?"),
            _delivered(3 * _DAY - 20, "Hi Hannah, it left this morning with the evening courier."),
            _delivered(_DAY + 500, "Harbour Kettles: our autumn colours are here, have a look."),
            _theirs(_DAY + 492, "STOP"),
            Line(
                minutes_ago=_DAY + 492,
                direction="network",
                text="You have successfully been unsubscribed. You will not receive any more "
                "messages from this number. Reply START to resubscribe.",
            ),
        ),
    ),
)

ELIF = Person(id="elif", name="Elif Brandt", username="elif.bakes.bread")
MATEO = Person(
    id="mateo",
    name="Mateo Silva",
    username="mateo.brews",
    auto_reply=("Saturday it is, thank you 🙌",),
)
ANNIKA = Person(id="annika", name="Annika Holm")
DEV = Person(id="dev", name="Dev Chaudhary")

MORE_SCENES: tuple[Scene, ...] = (
    Scene(
        customer=ELIF,
        kind="instagram",
        lines=(
            Line(
                minutes_ago=64,
                direction="inbound",
                text="That blue 😍 Is it the new glaze?",
                image="kettle",
                story="reply",
            ),
            Line(
                minutes_ago=57,
                direction="outbound",
                text="It is! Fired last week, the first twenty are in the shop.",
                status="read",
                reaction="❤️",
            ),
            _theirs(22, "Would you put one aside for me until Friday?"),
        ),
    ),
    Scene(
        customer=MATEO,
        kind="instagram",
        lines=(
            _theirs(6 * _HOUR + 20, "Hi! Do you still run the Saturday brewing class?"),
            _read(6 * _HOUR + 2, "Hi Mateo, we do: ten o'clock, eight places, three left."),
            Line(
                minutes_ago=5 * _HOUR + 40,
                direction="inbound",
                text="Two places for the 28th then, please.",
                edited=True,
            ),
            Line(
                minutes_ago=5 * _HOUR + 31,
                direction="outbound",
                text="You are both on the list. Aprons are ours 🫖",
                status="read",
                reaction="❤️",
            ),
            _theirs(17, "One more thing: is there somewhere to lock a bike?"),
        ),
    ),
    Scene(
        customer=ANNIKA,
        kind="messenger",
        lines=(
            _theirs(128, "Hello, I think I was sent somebody else's order."),
            _theirs(127, "This was in the box, and I only wanted the trivet.", image="parcel"),
            _read(119, "Hello Annika, oh dear. Is there a number on the label, beginning HK?"),
            Line(
                minutes_ago=112,
                direction="inbound",
                text="It says HK-2227. Mine is HK-2272.",
                edited=True,
            ),
            _read(104, "Two digits swapped, our mistake. Your trivet leaves today by express."),
            _theirs(31, "Kind of you. Shall I bring the kettle back, or do you collect it?"),
        ),
    ),
    Scene(
        customer=DEV,
        kind="messenger",
        lines=(
            _theirs(_DAY + 95, "Is the shop open on Sunday?"),
            Line(
                minutes_ago=_DAY + 88,
                direction="outbound",
                text="This Sunday yes, from eleven to four. Coffee is on us.",
                status="read",
                reaction="👍",
            ),
        ),
    ),
)

INGRID = Person(
    id="ingrid",
    name="Ingrid Solberg",
    email="ingrid.solberg@example.com",
    auto_reply=("That works for us. Please put the order number on the invoice. Thank you!",),
)
RAFAEL = Person(id="rafael", name="Rafael Costa", email="rafael.costa@example.org")
JUNE = Person(id="june", name="June Adeyemi", email="june@example.net")


def _mailed(
    minutes_ago: int, text: str, subject: str | None = None, image: Literal["kettle"] | None = None
) -> Line:
    return Line(
        minutes_ago=minutes_ago, direction="inbound", text=text, subject=subject, image=image
    )


MAIL_SCENES: tuple[Scene, ...] = (
    Scene(
        customer=JUNE,
        kind="gmail",
        lines=(
            _mailed(
                6 * _DAY + 30,
                "Hi, do you have the enamel care leaflet as a file? I lost the paper one.",
                "Care leaflet",
            ),
            _delivered(
                6 * _DAY - 40,
                "Hi June, of course: it is at the bottom of every product's page, under Care.",
            ),
            _mailed(6 * _DAY - 90, "Found it, thank you!"),
        ),
    ),
    Scene(
        customer=RAFAEL,
        kind="gmail",
        lines=(
            _mailed(
                5 * _HOUR + 15,
                "Good afternoon,\n\nmy kettle came with a dent on the left side, see the "
                "photograph. It boils well, but it was meant as a present. What do you suggest?\n\n"
                "Rafael Costa\nOrder HK-2251",
                "Dent in a new kettle, order HK-2251",
                "kettle",
            ),
        ),
    ),
    Scene(
        customer=INGRID,
        kind="gmail",
        lines=(
            _mailed(
                2 * _DAY + 60,
                "Hello,\n\nwe would like to give forty of our people a kettle at the end of the "
                "year, the Pilot in green, with our name engraved on the lid.\n\nCould you send us "
                "an offer, and tell us until when we would have to order?\n\nKind regards\n"
                "Ingrid Solberg",
                "Forty kettles for our office",
            ),
            _delivered(
                2 * _DAY - 20,
                "Dear Ingrid,\n\nwhat a good idea. Forty Pilots come at 22 % off, the engraving is "
                "on us. If you order by the 4th, they are with you before the holidays.\n\n"
                "Shall I draw up the offer for one address, or for several?\n\nAna",
            ),
            _mailed(
                95,
                "Thank you, Ana. One address, please: the office. Is it possible to pay within "
                "thirty days?",
            ),
        ),
    ),
)
