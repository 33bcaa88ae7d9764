"""Whole conversations are held as the real ZooKeeper 3.9.3 held them.

The transcripts in Golden/conversations are the real server's (`Tests/Live/run --server peers --record
test_conversations.py` writes them anew). Where Roost differs on purpose the question is left out, and the difference is
in Sources/RoostServer/Docs.docc/Limits.md."""

import difflib
from pathlib import Path

import pytest

from conversations_requests import REQUESTS
from conversations_sessions import SESSIONS
from transcripts import Transcript

GOLDEN = Path(__file__).parent / "Golden" / "conversations"


def held(address, conversation):
    transcript = Transcript(address, f"/c-{conversation.__name__}")
    try:
        conversation(transcript)
        return "\n".join(transcript.finish()) + "\n"
    finally:
        transcript.abandon()


@pytest.mark.parametrize("conversation", REQUESTS + SESSIONS, ids=lambda conversation: conversation.__name__)
def test_conversation_goes_as_recorded(conversation, launch, request):
    recording = request.config.getoption("--record")
    if recording and request.config.getoption("--server") != "peers":
        pytest.fail("transcripts come from the peers alone")
    text = held(launch("zookeeper").zookeeper, conversation)
    file = GOLDEN / f"{conversation.__name__}.txt"
    if recording:
        file.write_text(text)
        return
    wrong = list(difflib.unified_diff(
        file.read_text().splitlines(), text.splitlines(), "the real server", "this one", lineterm="", n=2))
    print("\n".join(wrong[:200]))
    assert not wrong, "the conversation went differently (printed above)"
