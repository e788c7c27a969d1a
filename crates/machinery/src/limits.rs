//! The named limits of the controllers' machinery: every queue, retry and cache that is bounded has its bound here.

use std::time::Duration;

/// The first delay of a work queue's rate-limited retry. Mirrors DefaultControllerRateLimiter of client-go.
pub const RETRY_DELAY_BASE: Duration = Duration::from_millis(5);
/// The longest delay of a work queue's rate-limited retry.
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(1000);

/// How long unmet expectations keep a controller from acting. Mirrors ExpectationsTimeout.
pub const EXPECTATIONS_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The first wait of the kubelet before it restarts a container or pulls an image again.
pub const CONTAINER_BACKOFF_INITIAL: Duration = Duration::from_secs(10);
/// The longest wait of the kubelet before it restarts a container or pulls an image again.
pub const CONTAINER_BACKOFF_MAX: Duration = Duration::from_secs(300);

/// How many entries each cache of an event correlator holds; the least recently used goes first.
pub const EVENT_CACHE_ENTRIES: usize = 4096;
/// From this many different messages on, events of one object and reason are combined into one.
pub const EVENT_AGGREGATE_MAX: usize = 10;
/// After so long without a similar event, counting of different messages starts again.
pub const EVENT_AGGREGATE_INTERVAL: Duration = Duration::from_secs(600);
/// How many events of one source, object and type may come at once.
pub const EVENT_SPAM_BURST: u32 = 25;
/// How long it takes until one more event of a source, object and type may come.
pub const EVENT_SPAM_REFILL: Duration = Duration::from_secs(300);
