//! Three days of a small company: a stand-in Workiva, an HR file that changes, and the real engine between them.

mod company;
mod compare;
mod stage;

use crate::cli::Exit;
use crate::cli::terminal::say;
use crate::core::report::Outcome;

use self::company::{Row, day_one, day_one_evening, day_two};
use self::compare::differences;
use self::stage::Stage;

/// Plays the three days. Ends well only if Workiva is what HR says after each of them.
///
/// # Errors
/// Where a port, a temporary folder or the database cannot be had.
pub async fn demo(stay: bool) -> anyhow::Result<Exit> {
    let mut stage = Stage::build().await?;
    say!(
        "A stand-in for Workiva listens at {}; the HR file is {}.",
        stage.sandbox.base_url(),
        stage.hr_file.display()
    );
    let mut agrees = true;

    stage
        .act("Day 1, morning: the first file; everybody in Finance and Legal but interns gets an account")
        .await?;
    agrees &= stage.sync_and_compare(&day_one(stage.today()), Outcome::Applied).await?;

    stage.act("Day 1, evening: a contractor has left").await?;
    agrees &= stage.sync_and_compare(&day_one_evening(stage.today()), Outcome::Applied).await?;

    stage.next_day();
    stage.act("Day 2: two hires, a leaver, a move out of Finance, a new title, a new name, and the contractor is back").await?;
    let day_two = day_two(stage.today());
    agrees &= stage.sync_and_compare(&day_two, Outcome::Applied).await?;

    stage.act("Day 2, a quarter of an hour later: the same file again").await?;
    agrees &= stage.sync_and_compare(&day_two, Outcome::Unchanged).await?;

    stage.next_day();
    stage.act("Day 3: the export broke off after a few rows; without a guard, everybody else would be suspended").await?;
    let broken_off: Vec<Row> = day_two.iter().take(5).cloned().collect();
    agrees &= stage.sync_held(&broken_off, &day_two).await?;

    say!("");
    if agrees {
        say!("After each day Workiva was exactly what HR said. Nobody lost access to the broken file.");
    } else {
        say!("Workiva is not what HR says: see above.");
    }
    if stay {
        stage.stay(&day_two).await?;
    }
    Ok(if agrees { Exit::Done } else { Exit::Failed })
}

/// What the sandbox holds against what HR says; empty if they agree.
fn disagreement(stage: &Stage, rows: &[Row]) -> Vec<String> {
    differences(rows, &stage.sandbox.users(), stage.today())
}
