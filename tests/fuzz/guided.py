"""The coverage-guided half: `python -m tests.fuzz.guided FINDS SECONDS SEED`, one process.

libFuzzer, by way of Atheris, changes conversations so that they reach code which none has reached
before. It ends this process, so `tests.fuzz` starts it and reads what it tells.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["connector", "starlette", "python_multipart", "uvicorn"]):
    from tests.fuzz.finds import Finds
    from tests.fuzz.seeds import dictionary, seeds
    from tests.fuzz.trial import trial

LONGEST = 8192
"""Bytes of a conversation."""

MEGABYTES = 1536
"""What this process may take, corpus and all, before it counts as a find."""

HANGING = 60
"""Seconds after which one conversation counts as a find, whatever it waits for."""


def main(finds: Path, seconds: int, seed: int) -> None:
    """Fuzz; what is found is written into a folder, and told as a line that begins with FIND."""
    kept = Finds(finds)
    with tempfile.TemporaryDirectory() as folder, trial() as made:
        words, corpus = Path(folder) / "words", Path(folder) / "corpus"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in dictionary()))
        corpus.mkdir()
        # A template has a process of its own, where there is nothing to see and much to wait for.
        begin = (data for data in seeds() if b"Template=brief" not in data)
        for number, data in enumerate(begin):
            (corpus / f"{number:04}").write_bytes(data)

        def one(data: bytes) -> None:
            wrong = made.judge(data)
            for path in kept.note(wrong, data):
                print(f"FIND {path.name} {path.with_suffix('.txt').read_text()}", flush=True)
            if made.requests // 500 != told[0]:
                told[0] = made.requests // 500
                print(f"REQUESTS {made.requests}", flush=True)

        told = [0]
        options = {
            "max_len": LONGEST,
            "len_control": 0,
            "max_total_time": seconds,
            "timeout": HANGING,
            "rss_limit_mb": MEGABYTES,
            "seed": seed,
            "dict": words,
            "artifact_prefix": f"{finds}/",
            "print_final_stats": 0,
        }
        finds.mkdir(parents=True, exist_ok=True)
        atheris.Setup([sys.argv[0], *(f"-{k}={v}" for k, v in options.items()), str(corpus)], one)
        atheris.Fuzz()


def _escaped(word: str) -> str:
    plain = (
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\x{b:02X}" for b in word.encode()
    )
    return "".join(plain)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
