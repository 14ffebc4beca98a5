"""An action of one's own, in a package of its own: it counts, and goes on after any death."""

import time
from typing import ClassVar

from connector.actions.action import Action, Context, Finished, Outcome, Parameter


class Count:
    """Counts, one step every 20 ms, each saved before the next."""

    name: ClassVar[str] = "Count"
    help: ClassVar[str] = "Counts up to a number."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("To", "The number to end with.", kind="integer", required=True),
    )
    pausable: ClassVar[bool] = True

    def run(self, context: Context) -> Outcome:
        """Count on from the checkpoint."""
        last = context.parameters["To"]
        begun_after = (context.checkpoint or {}).get("counted", 0)
        for number in range(begun_after + 1, last + 1):
            time.sleep(0.02)
            context.progress(counted=number, last=last)
            context.save({"counted": number})
        return Finished({"begun_after": begun_after, "counted": last})


_: type[Action] = Count
