"""The benchmark's workloads in Python, one per process.

python peers.py list
python peers.py run WORKLOAD SUBJECT ITEMS
"""

import sys

import bounded_queue
import cancel_10k
import io_1m
import io_10k
import memory_100k
import ping_pong
import pipeline
import protocol
import semaphore

SUBJECTS = [
    *io_10k.SUBJECTS,
    *ping_pong.SUBJECTS,
    *io_1m.SUBJECTS,
    *memory_100k.SUBJECTS,
    *cancel_10k.SUBJECTS,
    *bounded_queue.SUBJECTS,
    *pipeline.SUBJECTS,
    *semaphore.SUBJECTS,
]

if __name__ == "__main__":
    sys.exit(protocol.main(sys.argv[1:], SUBJECTS))
