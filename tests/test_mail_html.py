"""The page of a mail: no larger than what it shows, whatever the mail names."""

from __future__ import annotations

from inbox import mail_html


def test_a_picture_that_is_named_a_thousand_times_makes_no_page_without_end_s7() -> None:
    picture = mail_html.as_data("image/png", b"x" * 1_000_000)
    stored = '<img src="cid:a">' * 1000 + "<p>The end</p>"
    made = mail_html.page(stored, {"a": picture}, remote=False, theme="")
    assert len(made.html) < mail_html.MOST_PAGE_PICTURES + 100_000
    assert made.html.count("data:image/png") == mail_html.MOST_PAGE_PICTURES // len(picture)
    assert "<p>The end</p>" in made.html


def test_a_small_picture_may_stand_in_many_places() -> None:
    picture = mail_html.as_data("image/gif", b"dot")
    made = mail_html.page('<img src="cid:a">' * 50, {"a": picture}, remote=False, theme="")
    assert made.html.count(picture) == 50


def test_a_picture_is_found_by_its_name_as_a_url_quotes_it() -> None:
    picture = mail_html.as_data("image/gif", b"dot")
    stored = '<img src="cid:dot%40example.com">'
    made = mail_html.page(stored, {"dot@example.com": picture}, remote=False, theme="")
    assert picture in made.html
