//! A bar on a terminal while `sync` pushes.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::store::Store;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs `work` with a bar beside it that follows the queue; off a terminal, `work` alone.
pub async fn with_bar<T>(store: &Store, work: impl Future<Output = T>) -> T {
    let waiting = store.queue().await.map_or(0, |queue| queue.unfinished());
    if waiting == 0 || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::new(waiting);
    let template = "{bar:40} {pos}/{len} actions, {per_sec}, {eta} left, {elapsed} so far";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Ok(queue) = store.queue().await {
                    bar.set_position(waiting.saturating_sub(queue.unfinished()));
                }
            }
        }
    };
    bar.finish_and_clear();
    done
}
