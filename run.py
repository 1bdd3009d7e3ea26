#!/usr/bin/env python3
"""The command line of Assent, and the only place where its parts are put together.

python run.py                       serve
python run.py --demo                serve with a simulator and a workspace to look at
python run.py create-admin          make the first person who may sign in
python run.py connect KIND          connect a channel: whatsapp, sms
python run.py explain KIND FILE     print as JSON what one webhook body reports
python run.py make-keys             print keys for the environment
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import uvloop

from connectors import registry
from connectors.gmail.google import Google
from connectors.http import Http
from connectors.simulator.scenes import SHOP
from connectors.simulator.stage import ALL_SCENES, Stage, credentials, keys
from inbox import demo, log
from inbox.auth.passwords import Passwords
from inbox.auth.throttle import LoginThrottle
from inbox.child import ChildProcess
from inbox.commands import Parts, connect, create_admin
from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.domain.channel import Channel
from inbox.domain.errors import AssentError
from inbox.domain.report import Sender
from inbox.embedded import EmbeddedDatabase, EmbeddedDatabaseError
from inbox.explain import Unexplained, explain
from inbox.files import Fetching
from inbox.hub import Hub
from inbox.hub.memory import MemoryHub
from inbox.hub.redis import RedisHub
from inbox.intake import Intake
from inbox.links import Links
from inbox.pulling import Pulling
from inbox.settings import Settings, SettingsError, check_role, keyring, new_keys, read
from inbox.signals import Signals
from inbox.store.accounts import Workspace
from inbox.store.database import Database
from inbox.stores import stores
from inbox.templates import Templates
from inbox.web.context import Context, Demo
from inbox.web.server import Announce, listen, serve_on
from inbox.web.sockets import Sockets
from inbox.web.watch import Watch

_HERE = Path(__file__).resolve().parent


async def open_parts(
    stack: AsyncExitStack,
    settings: Settings,
    url: str,
    allow: frozenset[tuple[str, int]] = frozenset(),
) -> Parts:
    """Open the database at `url` and the client for providers."""
    keys = keyring(os.environ, settings)
    database = Database(url, keys)
    stack.callback(database.close)
    await database.prepare()
    http = Http(allow=allow)
    await http.start()
    stack.push_async_callback(http.close)
    connectors = registry(
        http,
        graph_url=settings.graph_url,
        twilio_url=settings.twilio_url,
        instagram_url=settings.instagram_url,
        google=Google(
            gmail_url=settings.gmail_url,
            accounts_url=settings.google_accounts_url,
            token_url=settings.google_token_url,
            certs_url=settings.google_certs_url,
        ),
    )
    links = Links(settings.public_url, keys)
    return Parts(settings=settings, stores=stores(database), connectors=connectors, links=links)


async def database_url(stack: AsyncExitStack, settings: Settings, *, join: bool = False) -> str:
    """The MongoDB of the settings, or one of our own, which takes the data directory for us.

    join   a command may use the database of a server that runs on this directory
    """
    if settings.mongodb_url is not None:
        return settings.mongodb_url
    embedded = EmbeddedDatabase(settings.data_dir)
    note = settings.data_dir / "db.url"
    try:
        url = await embedded.start()
    except EmbeddedDatabaseError:
        if join and note.exists():
            return note.read_text()
        raise
    stack.push_async_callback(embedded.stop)
    note.write_text(url)
    stack.callback(note.unlink, missing_ok=True)
    return url


def assemble(parts: Parts, *, works: bool, demo: Demo | None = None) -> Context:
    """Put the working parts together, each handed what it needs."""
    settings, store = parts.settings, parts.stores
    hub: Hub = MemoryHub() if settings.redis_url is None else RedisHub(settings.redis_url)
    directory = Directory(store.channels)
    delivery = Delivery(store, hub, parts.connectors, directory, parts.links)
    fetching = Fetching(store, hub, parts.connectors, directory)
    templates = Templates(store, hub, parts.connectors)
    # Each hands to the other, so one of them is named before it is there.
    pulling = Pulling(
        store, hub, parts.connectors, directory, lambda entry: intake.hand_over(entry)
    )
    intake = Intake(
        store,
        hub,
        parts.connectors,
        directory,
        delivery.wake,
        fetching.wake,
        doubt_templates=templates.doubt,
        wake_pulling=pulling.wake,
    )
    sockets = Sockets(settings.sockets_per_login)
    if not works:
        store.journal.lease_s = 0.0
    return Context(
        settings=settings,
        stores=store,
        hub=hub,
        connectors=parts.connectors,
        directory=directory,
        intake=intake,
        delivery=delivery,
        fetching=fetching,
        pulling=pulling,
        links=parts.links,
        passwords=Passwords(),
        throttle=LoginThrottle(),
        sockets=sockets,
        watch=Watch(store.database, sockets),
        templates=templates,
        signals=Signals(store, parts.connectors, directory),
        works=works,
        # The embedded database lets only one server in.
        alone=works and settings.mongodb_url is None,
        demo=demo,
    )


# -- serving ---------------------------------------------------------------------------------------


async def serve(options: argparse.Namespace) -> None:
    # A worker listens to nobody, and may run beside a server on this port.
    listener = None if options.role == "worker" else listen(options.host, options.port)
    port = options.port if listener is None else listener.getsockname()[1]
    settings = read(
        os.environ, host=options.host, port=port, data_dir=options.data_dir, demo=options.demo
    )
    check_role(settings, options.role)
    async with AsyncExitStack() as stack:
        if options.demo:
            context, announce = await start_demo(stack, settings, port)
        else:
            url = await database_url(stack, settings)
            parts = await open_parts(stack, settings, url, _loopback_providers(settings))
            context, announce = assemble(parts, works=options.role != "web"), say_ready
        if listener is None:
            await work(context)
        else:
            await serve_on(listener, context, announce)


async def say_ready(context: Context) -> None:
    print(f"Assent is ready at {context.settings.public_url}", flush=True)


async def work(context: Context) -> None:
    """Journal and outbox only, until asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    pulls = (context.stores.journal, context.pulling)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(context.stores.health.close)
        for part in (context.hub, *context.workers, *pulls):
            await part.start()
            stack.push_async_callback(part.close)
        print("Assent's worker is ready", flush=True)
        await stop.wait()


def _loopback_providers(settings: Settings) -> frozenset[tuple[str, int]]:
    """Provider addresses on this machine, which development alone may call without https."""
    if not settings.dev:
        return frozenset()
    called = (
        *(settings.graph_url, settings.instagram_url, settings.twilio_url),
        *(settings.gmail_url, settings.google_token_url, settings.google_certs_url),
    )
    found = [urlsplit(url) for url in called]
    return frozenset(
        (parts.hostname, parts.port)
        for parts in found
        if parts.scheme == "http" and parts.hostname and parts.port
    )


# -- the demo --------------------------------------------------------------------------------------


async def start_demo(
    stack: AsyncExitStack, settings: Settings, port: int
) -> tuple[Context, Announce]:
    """The simulator as a child process, a workspace that has been in use, and the demo file.

    returns   the context to serve, and what to do once it is served
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    data_dir = settings.data_dir.absolute()
    # First, for it holds the directory's lock: the simulator noted there may be another server's.
    url = await database_url(stack, settings)
    child = ChildProcess(
        [
            *(sys.executable, "-m", "connectors.simulator", "--host", "127.0.0.1"),
            *("--data", str(data_dir / "simulator.jsonl"), "--parent-pid", str(os.getpid())),
            *("--port", str(_next_free(port))),
        ],
        note=data_dir / "simulator.process",
        log=data_dir / "simulator.log",
        folder=_HERE,
    )
    await child.end_previous()
    await child.start()
    stack.push_async_callback(child.stop)
    line = await child.wait_for_line("ready ", 10)
    if line is None:
        raise SettingsError(f"The simulator did not start: {child.last_words()}")
    watch = asyncio.create_task(child.keep_running(), name="simulator-watch")
    stack.callback(watch.cancel)
    simulator_port = int(line.split()[1])
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    settings = replace(
        settings,
        graph_url=f"{simulator_url}/v26.0",
        instagram_url=f"{simulator_url}/v26.0",
        twilio_url=simulator_url,
        gmail_url=simulator_url,
        google_accounts_url=simulator_url,
        google_token_url=f"{simulator_url}/token",
        google_certs_url=f"{simulator_url}/oauth2/v3/certs",
    )
    parts = await open_parts(stack, settings, url, frozenset({("127.0.0.1", simulator_port)}))
    session = await stack.enter_async_context(aiohttp.ClientSession())
    stage = Stage(simulator_url, session)
    await stage.cast()
    passwords = Passwords()
    written = demo.read_file(data_dir / "demo.json")
    workspace = await demo.ensure_workspace(parts.stores, SHOP)
    logins = await demo.ensure_people(parts.stores, passwords, workspace, written)
    channels = await _demo_channels(parts, workspace)
    for kind, channel in channels.items():
        told = {**channel.config, **{k: v.reveal() for k, v in channel.secrets.items()}}
        told |= {"name": workspace.name, "webhook_url": parts.links.webhook(channel)}
        await stage.open_line(kind, channel.account, told)
        await demo.connect(parts.stores, parts.connectors[kind], channel)
    await stage.fill_mailbox(channels["gmail"].account, datetime.now(UTC))
    await _write_past(parts, stage, channels, [login["email"] for login in logins.values()])
    people = tuple(
        {"name": login["name"], "role": key, "email": login["email"]}
        for key, login in logins.items()
    )
    context = assemble(parts, works=True, demo=Demo(simulator_url=simulator_url, people=people))

    async def announce(context: Context) -> None:
        content = demo.file(settings, simulator_url, workspace, logins, channels, parts.connectors)
        demo.write_file(data_dir / "demo.json", content)
        shown = " · ".join(f"{k} {one['email']} / {one['password']}" for k, one in logins.items())
        print(f"Assent is ready at {settings.public_url} · {shown}", flush=True)

    return context, announce


async def _demo_channels(parts: Parts, workspace: Workspace) -> dict[str, Channel]:
    """The demo's channels by kind, with secrets that are this installation's own."""
    names = {
        "whatsapp": "Shop",
        "messenger": "Harbour Kettles",
        "instagram": "@harbourkettles",
        "sms": "Text line",
        "gmail": "Shop mail",
    }
    return {
        kind: await demo.ensure_channel(
            parts.stores, workspace, parts.connectors[kind].manifest, names[kind], given
        )
        for kind, given in credentials().items()
    }


async def _write_past(
    parts: Parts, stage: Stage, channels: Mapping[str, Channel], emails: Sequence[str]
) -> None:
    """The scenes, in the customers' phones and in the inbox; each once."""
    found = [await parts.stores.accounts.find_agent_by_email(email) for email in emails]
    past = demo.Past(parts.stores, [one[0] for one in found if one is not None])
    now = datetime.now(UTC)
    for scene in ALL_SCENES:
        channel = channels[scene.kind]
        person = scene.customer
        ids = keys(scene.kind, person)
        if await parts.stores.people.find_many(channel.workspace_id, channel.id, channel.kind, ids):
            continue  # written at an earlier start
        handle = person.phone or f"@{person.username or person.id}"
        if scene.kind == "instagram":
            handle = f"@{person.username or person.id}"
        address = person.phone if scene.kind in ("whatsapp", "sms") else ids[0]
        sender = Sender(keys=ids, address=address, handle=handle, name=person.name)
        lines = [
            demo.PastLine(
                at=one.at,
                inbound=one.direction == "inbound",
                text=one.text,
                provider_id=one.provider_id,
                status=one.status,
                picture=one.picture,
                reaction=one.reaction,
                edited=one.edited,
                story=one.story,
            )
            for one in await stage.play(scene, channel.account, now)
            if one.direction != "network"
        ]
        thread = demo.PastThread(kind=scene.kind, sender=sender, lines=tuple(lines))
        await past.write(thread, channel, parts.connectors[scene.kind].manifest)


def _next_free(port: int) -> int:
    """The next port that is free, or 0 (any) when the server itself took any."""
    for candidate in range(port + 1, min(port + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    return 0


# -- the command line ------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    common, again = (argparse.ArgumentParser(add_help=False) for _ in range(2))
    # Said before a command it holds, unless the command is told otherwise.
    for one, port, folder in ((common, 8000, None), (again, argparse.SUPPRESS, argparse.SUPPRESS)):
        one.add_argument("--port", type=int, default=port, help="default 8000; 0 takes a free one")
        one.add_argument(
            "--data-dir", type=Path, default=folder, help="default ./data, or INBOX_DATA_DIR"
        )
    main = argparse.ArgumentParser(
        prog="run.py",
        description="Assent: one inbox for every channel. Without a command it serves.",
        parents=[common],
    )
    main.add_argument("--host", default="127.0.0.1", help="address to listen on")
    main.add_argument("--role", choices=("all", "web", "worker"), default="all")
    main.add_argument("--demo", action="store_true", help="with a simulator and a workspace")
    main.set_defaults(do=serve)
    commands = main.add_subparsers(title="commands", metavar="COMMAND")

    admin = commands.add_parser("create-admin", parents=[again], help="make an admin")
    admin.add_argument("--email")
    admin.add_argument("--name")
    admin.add_argument("--workspace", help="name of the business, for the first admin")
    admin.set_defaults(do=lambda options: _command(create_admin, options))

    channel = commands.add_parser("connect", parents=[again], help="connect a channel")
    channel.add_argument("kind", help="the kind of channel")
    channel.add_argument("--name", help="what agents call it")
    channel.add_argument(
        "--answers-stop-itself",
        action="store_true",
        help="the provider's own STOP handling is off (short codes): we answer STOP and HELP",
    )
    channel.set_defaults(do=lambda options: _command(connect, options))

    told = commands.add_parser("explain", help="print as JSON what one webhook body reports")
    told.add_argument("kind", metavar="KIND", help="the kind of channel it came on")
    told.add_argument("file", metavar="FILE", help="the raw body; - reads standard input")
    told.set_defaults(do=print_explained)

    keys = commands.add_parser("make-keys", help="print keys for the environment")
    keys.set_defaults(do=lambda options: print(new_keys(), end=""))
    return main


def print_explained(options: argparse.Namespace) -> None:
    """Leaves with 2 and a sentence where nothing can be said of the file."""
    # Never started: reading a body calls nobody.
    connectors = registry(Http(), graph_url="", twilio_url="")
    try:
        raw = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
        found = explain(options.kind, raw, connectors, datetime.now(UTC))
    except OSError as error:
        print(f"The file cannot be read: {error.strerror}.", file=sys.stderr)
    except Unexplained as error:
        print(f"{error}", file=sys.stderr)
    else:
        # Escaped, so that nothing in it can steer a terminal.
        print(json.dumps(found, indent=2))
        return
    sys.exit(2)


async def _command(
    command: Callable[[Parts, argparse.Namespace], Awaitable[None]], options: argparse.Namespace
) -> None:
    settings = read(os.environ, host="127.0.0.1", port=options.port, data_dir=options.data_dir)
    async with AsyncExitStack() as stack:
        allow = _loopback_providers(settings)
        url = await database_url(stack, settings, join=True)
        await command(await open_parts(stack, settings, url, allow), options)


def main() -> int:
    options = parser().parse_args()
    log.configure(os.environ.get("INBOX_LOG_LEVEL", "INFO"))
    try:
        work = options.do(options)
        if work is not None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(work)
    except AssentError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
