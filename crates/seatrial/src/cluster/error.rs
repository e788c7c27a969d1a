//! What can go wrong in a call of the library.

use std::time::Duration;

use seatrial_api::ApiError;

use super::reads::ReadError;
use super::rollout::RolloutError;
use super::run::WaitError;
use crate::exec::ExecError;
use crate::manifest::InputError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A target is no `kind/name` that the simulator serves.
    #[error(transparent)]
    Target(#[from] ReadError),
    /// kubectl would have refused.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// kubectl cannot run a command in a container.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Something did not come true in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// What had to hold always did not.
    #[error("invariant broken at {}: {name}", seatrial_engine::GoDuration(*at))]
    InvariantBroken {
        /// The invariant's name.
        name: String,
        /// When, since the start.
        at: Duration,
    },
}
