"""What the figures in docs/performance.md come from: `scripts/bench`, or one of its parts."""
