"""The interface that the processes of several machines use. One machine plays several: the processes are threads."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from facedet.train.machine import interface
from facedet.train.machine.interface import interface_towards, shared_interface


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The host names that are looked up. Each stands for 10.1.2.3, to which eth7 leads."""
    names: list[str] = []
    monkeypatch.setattr(socket, "gethostbyname", lambda name: names.append(name) or "10.1.2.3")
    monkeypatch.setattr(interface, "interface_towards", {"10.1.2.3": "eth7"}.__getitem__)
    return names


def interfaces(machines: list[str]) -> list[str]:
    """What `shared_interface` returns in a process on each of these machines."""
    store, size = dist.HashStore(), len(machines)
    with ThreadPoolExecutor(size) as pool:
        places = [(store, rank, size, machine, "node-a") for rank, machine in enumerate(machines)]
        return [each.result(timeout=60) for each in [pool.submit(shared_interface, *place) for place in places]]


def test_several_machines_use_the_interface_between_them(resolved: list[str]) -> None:
    assert interfaces(["node-a", "node-a", "node-b"]) == ["eth7"] * 3
    assert resolved == ["node-a"]  # by the second machine only: on the first, the name may stand for 127.0.1.1


def test_one_machine_needs_no_interface(resolved: list[str]) -> None:
    assert interfaces(["node-a", "node-a"]) == ["", ""]
    assert resolved == []


def test_the_loopback_leads_to_no_other_machine() -> None:
    assert interface_towards("127.0.1.1") == ""


def test_the_interface_of_an_own_address_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.200", 1))
        except OSError:
            pytest.skip("this machine has no network")
        own = probe.getsockname()[0]
    assert interface_towards(own) in [name for _, name in socket.if_nameindex() if name != "lo"]
