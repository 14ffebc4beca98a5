"""wrk, the load generator: 64 connections for some seconds, and what it has counted."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

CONNECTIONS = 64

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}

TOKENS = """
local tokens = {}
for line in io.lines("%s") do tokens[#tokens + 1] = line end
request = function()
    return wrk.format("GET", wrk.path .. tokens[math.random(#tokens)])
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw. Times in milliseconds."""

    answers: int
    rate: float
    p50: float
    p99: float
    longest: float
    errors: str


def load(url: str, seconds: int, tokens: Sequence[str] = ()) -> Load:
    """Ask for one address on every connection, again and again; each time with one of `tokens`."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "9s"]
    with tempfile.NamedTemporaryFile("w") as names, tempfile.NamedTemporaryFile("w") as script:
        if tokens:
            names.write("\n".join(tokens))
            names.flush()
            script.write(TOKENS % names.name)
            script.flush()
            command += ["-s", script.name]
        told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return Load(
        int(_found(r"(\d+) requests in", told)),
        float(_found(r"Requests/sec: +([\d.]+)", told)),
        _milliseconds(_found(r"50% +(\S+)", told)),
        _milliseconds(_found(r"99% +(\S+)", told)),
        _milliseconds(_found(r"Latency +\S+ +\S+ +(\S+)", told)),
        ", ".join(re.findall(r"(?:Socket errors|Non-2xx).*", told)),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"wrk did not tell {pattern}: {text}")
    return match.group(1)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]
