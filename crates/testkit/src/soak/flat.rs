//! The check for a leak: the allocated bytes between two runs, and the resident memory of the process.

use std::fmt;

use super::resident::resident_kib;

/// The number of runs before the check starts.
const WARM_UP: u64 = 400;

/// The allowed growth of the heap: the allocations of the runtimes and threads between two runs vary a little.
const HEAP_MAY_GROW: usize = 256 << 10;

/// The allowed growth of the resident memory. The process keeps the memory of the largest run, and the memory
/// fragments. The largest run records the items of an endless source with a late stop on a busy machine. A leak per run
/// shows on the heap.
const RESIDENT_MAY_GROW_KIB: u64 = 2 << 20;

/// The resident memory is read once in this number of runs: a read costs as much as a small run.
const ASK_EVERY: u64 = 50;

/// The smallest and the largest value since the warm-up.
#[derive(Clone, Copy)]
struct Range<T> {
    least: T,
    most: T,
}

pub(super) struct Flat {
    heap: fn() -> usize,
    of_heap: Option<Range<usize>>,
    /// In KiB; `None` also on a system that does not report the value.
    of_process: Option<Range<u64>>,
    most_in_warm_up: (usize, u64),
}

impl Flat {
    pub(super) fn new(heap: fn() -> usize) -> Self {
        Self { heap, of_heap: None, of_process: None, most_in_warm_up: (0, 0) }
    }

    /// Checks the memory after `runs` runs.
    ///
    /// # Errors
    ///
    /// When the heap or the resident memory has grown by more than the allowed amount.
    pub(super) fn look(&mut self, runs: u64) -> Result<(), String> {
        let heap = (self.heap)();
        let resident = runs.is_multiple_of(ASK_EVERY).then(resident_kib).flatten();
        if runs < WARM_UP {
            let most = &mut self.most_in_warm_up;
            *most = (most.0.max(heap), most.1.max(resident.unwrap_or(0)));
            return Ok(());
        }
        widen(&mut self.of_heap, heap);
        if let Some(resident) = resident {
            widen(&mut self.of_process, resident);
        }
        let (heap_then, resident_then) = self.most_in_warm_up;
        if heap > heap_then + HEAP_MAY_GROW {
            return Err(format!(
                "structure: {} KiB are allocated after {runs} runs, and were at most {} after the first {WARM_UP}",
                heap >> 10,
                heap_then >> 10
            ));
        }
        match resident {
            Some(now) if now > resident_then + RESIDENT_MAY_GROW_KIB => Err(format!(
                "structure: the process has {now} KiB after {runs} runs, and had {resident_then} after the first \
                 {WARM_UP}"
            )),
            _ => Ok(()),
        }
    }
}

fn widen<T: Ord + Copy>(range: &mut Option<Range<T>>, value: T) {
    let Range { least, most } = range.unwrap_or(Range { least: value, most: value });
    *range = Some(Range { least: least.min(value), most: most.max(value) });
}

impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Range { least, most }) = self.of_heap else { return f.write_str("warming up") };
        write!(f, "{} to {} KiB allocated between runs", least >> 10, most >> 10)?;
        match self.of_process {
            Some(Range { least, most }) => write!(f, ", {} to {} MiB resident", least >> 10, most >> 10),
            None => Ok(()),
        }
    }
}
