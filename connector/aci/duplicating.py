"""QueueAction=Duplicate: a copy of an action, stored by the same rules as any new one."""

from collections.abc import Callable
from functools import partial

from connector.aci.access import Access
from connector.aci.parameters import Parameters
from connector.aci.storing import key_of
from connector.aci.tree import Tree
from connector.jobs import bulk
from connector.jobs.job import Job, Overlap
from connector.jobs.token import new_token

Overlaps = Callable[[str], Overlap]
"""What becomes of a second action on a task, by queue."""


def always_queue(queue: str) -> Overlap:
    """Say that a second action waits its turn."""
    return Overlap.QUEUE


async def duplicate(
    access: Access, overlaps: Overlaps, job: Job, given: Parameters, client: str
) -> dict[str, Tree]:
    """Store a copy and return its token; of a copy sent again by its key, that of then.

    Raises AciError, JobError.
    """
    read = partial(bulk.copy_of, token=job.token, copy=new_token(), by=f"http {client}")
    copy = (await access.read(read))._replace(
        key=key_of(given),
        compared={"QueueAction": "Duplicate", "Token": job.token},
        overlap=overlaps(job.queue),
    )
    return {"token": await access.submit(copy)}
