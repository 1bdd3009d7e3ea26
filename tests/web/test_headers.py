"""What every answer carries."""

from __future__ import annotations

import re

import pytest

from tests.system.demo import MARK, Demo, draw

PATHS = [
    "/",
    "/login",
    "/app",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/me",
    "/api/v1/nothing",
    "/nothing",
    "/files/forged",
    "/static/css/base.css",
    "/static/js/main.js",
    "/static/../run.py",
    "/static/%2e%2e/run.py",
    "/webhooks/pigeon/chn_1",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signed_in", [False, True])
async def test_every_answer_has_the_security_headers(
    demo: Demo, path: str, signed_in: bool
) -> None:
    answer = await demo.call("GET", path, headers=demo.agent.headers if signed_in else {})

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", [p for p in PATHS if not p.startswith("/static")])
async def test_nothing_behind_login_is_kept_by_a_cache(demo: Demo, path: str) -> None:
    answer = await demo.call("GET", path, headers=demo.agent.headers)

    assert answer.headers["cache-control"] == "no-store"


async def test_a_file_of_the_page_is_asked_for_again_at_each_load(demo: Demo) -> None:
    first = await demo.call("GET", "/static/js/main.js")
    again = await demo.call(
        "GET", "/static/js/main.js", headers={"If-None-Match": first.headers["etag"]}
    )

    assert first.headers["cache-control"] == "no-cache"
    assert again.status == 304


async def test_the_programs_own_source_is_not_a_static_file(demo: Demo) -> None:
    for path in ("/static/../run.py", "/static/%2e%2e/run.py", "/static//etc/passwd", "/static/"):
        assert (await demo.call("GET", path)).status == 404


async def test_an_attachment_may_be_kept_by_the_browser_alone_and_runs_nothing(
    demo: Demo,
) -> None:
    attachment = await demo.agent.uploads(draw(), 'a"; X-Evil=1\u2028/ü\u202e.png')

    answer = await demo.agent.call("GET", f"/attachments/{attachment['id']}")

    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-type"] == "image/png"
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    assert re.fullmatch(r"inline; filename\*=UTF-8''[\w.%~-]+", disposition)


async def test_pages_have_no_inline_script_style_or_handler(demo: Demo) -> None:
    page = (await demo.call("GET", "/login")).text

    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


async def test_a_name_that_looks_like_markup_stays_text_in_the_page(demo: Demo) -> None:
    from tests.web.test_signin import Browser

    maya = await demo.customer()
    await maya.writes(f"</script><script>alert('{MARK}')</script><img src=x onerror=alert(1)>")
    conversation = await demo.agent.finds(maya)
    browser = Browser(demo)
    await browser.signs_in()

    page = await browser.call("GET", f"/app/c/{conversation['id']}")

    await browser.session.close()
    assert page.status == 200
    assert MARK in page.text
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
