"""The network interface through which the machines of a training run reach each other."""

import fcntl
import ipaddress
import socket
import struct
from contextlib import suppress

import torch.distributed as dist

_GET_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


def shared_interface(store: dist.Store, rank: int, size: int, machine: str, first: str) -> str:
    """The name of the interface of this machine that leads to the others; empty if Gloo may choose.

    By itself, Gloo offers the address of the host's name, which is 127.0.1.1 on Debian: others cannot reach that.
    machine: the name of this one. first: the host name or address of the first one, MASTER_ADDR.
    """
    store.set(f"machine {rank}", machine)
    machines = [store.get(f"machine {k}").decode() for k in range(size)]
    if len(set(machines)) == 1:
        return ""
    try:
        if machine != machines[0]:
            store.set("first machine", socket.gethostbyname(first))
        # on the first machine itself, its name may stand for 127.0.1.1; the others know the real address
        return interface_towards(store.get("first machine").decode())
    except OSError:  # a network without IPv4, or a system other than Linux
        return ""


def interface_towards(address: str) -> str:
    """The name of the interface that leads to an IPv4 address; empty if it has none but the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 1))  # sends nothing
        own = probe.getsockname()[0]
        if ipaddress.ip_address(own).is_loopback:
            return ""
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address
                found = fcntl.ioctl(probe, _GET_ADDRESS, struct.pack("256s", name.encode()))
                if socket.inet_ntoa(found[20:24]) == own:
                    return name
    return ""
