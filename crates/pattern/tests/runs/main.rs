//! Runs, what they are made of and what becomes of them: sources, workers, scopes, ends.

mod ahead;
mod author;
mod closed;
mod dropped_items;
mod dropped_last;
mod generated;
mod kept;
mod mended;
mod mended_ends;
mod run;
mod scope;
mod shut_down;
mod source;
mod told;
mod two_faults;
mod workers;
mod wrong_uses;
