//! A service of a pattern over chunks: the calls of several callers share a job, and each call gets its own output.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::requests::Requests;
use super::{Client, Replies};
use crate::failure::{Cause, Failure};
use crate::run::Run;
use crate::scope::Scope;
use crate::source::{ChunkLog, Source};

impl<In: Send + 'static, Out: Send + 'static> Client<In, Out> {
    /// Starts the run of a service over chunks, and the task that replies.
    ///
    /// # Panics
    ///
    /// Panics at the location of the caller if `capacity` or `size` is zero, and if there is no tokio runtime.
    #[track_caller]
    pub(crate) fn serve_chunks(
        scope: &Scope,
        capacity: usize,
        size: usize,
        within: Duration,
        start: impl FnOnce(Source<Vec<In>>, Scope) -> Run<Vec<Out>>,
    ) -> Self {
        let (requests, source) = Self::queue(scope, capacity);
        let log = RequestLog { requests: Arc::clone(&requests), scope: scope.clone() };
        let run = start(source.logged_chunks(size, within, log), scope.clone());
        Self::of(requests, scope, run, Replies::reply_chunk, Replies::fail_chunk_of)
    }
}

/// Keeps the sizes of the chunks that a stage has taken.
struct RequestLog<In, Out> {
    requests: Arc<Requests<In, Out>>,
    scope: Scope,
}

impl<In: Send, Out: Send> ChunkLog for RequestLog<In, Out> {
    fn handed_on(&mut self, index: usize, size: usize) {
        self.requests.add_chunk(index, size);
    }

    fn given_back(&mut self, first: usize, size: usize) {
        self.requests.take_chunk(first);
        for index in first..first + size {
            self.requests.give_back(index, &self.scope);
        }
    }
}

impl<In, Out> Replies<In, Out> {
    /// Sends the outputs of a chunk to its calls. Returns `false` if there is no such chunk.
    fn reply_chunk(&self, index: usize, outputs: Vec<Out>) -> bool {
        let Some(size) = self.requests.take_chunk(index) else {
            self.drop_outputs(outputs);
            return false;
        };
        if outputs.len() == size {
            for (number, output) in outputs.into_iter().enumerate() {
                self.reply(index + number, output);
            }
        } else {
            let error = anyhow::anyhow!(
                "the job has returned {} outputs for a chunk of {size} items; a chunk needs one output for each item",
                outputs.len()
            );
            self.drop_outputs(outputs);
            let failure = Failure::new(Some(index), &self.stage, Cause::from_error(error));
            self.fail_chunk(index, size, failure);
        }
        true
    }

    /// Drops each output with a catch of its own: a second panic in the drop of a vector aborts the process.
    fn drop_outputs(&self, outputs: Vec<Out>) {
        for output in outputs {
            self.drop_output(output);
        }
    }

    /// Sends a failure to all calls of its chunk.
    fn fail_chunk(&self, first: usize, size: usize, failure: Failure) {
        if size == 1 {
            return self.fail(failure);
        }
        let stage = Arc::from(failure.stage());
        let shared = Arc::new(failure);
        let mut unsent = true;
        for index in first..first + size {
            let Some(reply) = self.requests.take_reply(index) else { continue };
            let cause = match Failure::cause(&shared) {
                Cause::Cancelled(by) => Cause::Cancelled(*by),
                _ => Cause::from_error(ChunkFailed { size, failure: Arc::clone(&shared) }.into()),
            };
            unsent &= self.send(reply, Err(Failure::new(Some(index), &stage, cause))).is_some();
        }
        // All callers have given up.
        if unsent
            && let Some(failure) = Arc::into_inner(shared)
            && !failure.is_cancelled()
        {
            self.scope.record(failure);
        }
    }

    /// Sends a failure to the calls of the chunk with the index of the failure. Another failure is recorded in the scope.
    fn fail_chunk_of(&self, failure: Failure) {
        let chunk = failure.index().and_then(|index| Some((index, self.requests.take_chunk(index)?)));
        match chunk {
            Some((index, size)) => self.fail_chunk(index, size, failure),
            None => self.fail(failure),
        }
    }
}

/// The error of each call of a chunk of several calls whose job has failed.
#[derive(Debug)]
struct ChunkFailed {
    size: usize,
    failure: Arc<Failure>,
}

impl fmt::Display for ChunkFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a chunk of {} calls has failed", self.size)
    }
}

impl Error for ChunkFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.failure)
    }
}
