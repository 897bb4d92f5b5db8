"""How work grows with its size, where seconds would say more about the machine."""

import time


def growth(work, small, large):
    """Give how many times the processor time of ``work(small)`` it takes to do ``work(large)``."""
    times = {0: [], 1: []}
    for _ in range(2):  # in turns, the better of two each
        for k, size in enumerate((small, large)):
            begun = time.process_time()
            work(size)
            times[k].append(time.process_time() - begun)
    return min(times[1]) / max(min(times[0]), 1e-3)
