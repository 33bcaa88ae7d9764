"""SIGTERM and SIGINT at every time of a server's life."""

import signal
import time

import pytest

from servers import Roost, eventually, free_port

pytestmark = pytest.mark.roost_only


@pytest.fixture
def server(tmp_path):
    made = Roost(tmp_path / "server")
    yield made
    made.discard()


def says(server, text):
    return eventually(lambda: text in server.log(), 30, f"the log says {text!r}", pause=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_as_soon_as_it_serves_stops_it_in_order(server, number):
    for _ in range(5):
        server.log_path.unlink(missing_ok=True)
        server.spawn()
        says(server, "serving")
        server.process.send_signal(number)
        assert server.process.wait(20) == 0
        assert "] stopped" in server.log()


def test_a_node_that_waits_for_the_others_can_be_stopped(server):
    others = ",".join(f"n{i}=127.0.0.1:{free_port()}" for i in (2, 3))
    server.arguments.append(f"--cluster=n1=127.0.0.1:{server.ports['peer']},{others}")
    server.spawn()
    says(server, "waiting for the other first voters")
    assert server.stop(5) == 0
    assert "stopped while starting" in server.log()


def test_a_hangup_does_not_end_a_node_that_waits_for_the_others(server):
    others = ",".join(f"n{i}=127.0.0.1:{free_port()}" for i in (2, 3))
    server.arguments.append(f"--cluster=n1=127.0.0.1:{server.ports['peer']},{others}")
    server.spawn()
    says(server, "waiting for the other first voters")
    server.process.send_signal(signal.SIGHUP)
    # Were it not taken, it would end the process before the second one could.
    assert server.stop(5) == 0
    assert "stopped while starting" in server.log()


def test_more_signals_change_nothing(server):
    server.start()
    until = time.monotonic() + 20
    while server.process.poll() is None and time.monotonic() < until:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert server.process.wait(1) == 0
    assert server.log().count("] stopped") == 1
