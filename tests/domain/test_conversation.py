"""The lists a conversation is in."""

from __future__ import annotations

import pytest

from inbox.domain.conversation import ConversationStatus, list_keys


@pytest.mark.parametrize("status", ConversationStatus)
def test_a_conversation_is_in_the_lists_of_its_channel_status_and_agent(
    status: ConversationStatus,
) -> None:
    keys = list_keys(status=status, channel_id="chn_1", assignee_id="agt_1")
    assert keys == [f"status:{status}", f"channel:chn_1:{status}", f"assignee:agt_1:{status}"]


def test_one_that_nobody_has_taken_is_in_the_list_of_nobody() -> None:
    keys = list_keys(status=ConversationStatus.OPEN, channel_id="chn_1", assignee_id=None)
    assert "assignee:none:open" in keys
    assert not any("resolved" in key for key in keys)
