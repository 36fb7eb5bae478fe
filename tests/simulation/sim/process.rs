//! A simulated process: the real engine with its own connection to the database, its own lock, and its own tasks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use workiva_sync::compose;
use workiva_sync::config::parse;
use workiva_sync::core::record::RecordBatch;
use workiva_sync::engine::clock::{Clock, Randomness};
use workiva_sync::engine::feed::Feed;
use workiva_sync::engine::pool::Until;
use workiva_sync::engine::telemetry::Telemetry;
use workiva_sync::engine::{Engine, Parts, push, schedule};
use workiva_sync::source::AnySource;
use workiva_sync::source::{HrSource, SourceDigest, SourceEnd, SourceError};
use workiva_sync::store::{Opening, Owner, Store, WriteWatch};

use super::hub::{Hub, SimClock, Who, Wish};
use super::workiva::SimPort;

/// How long the thread that reads a file is left to itself before it is looked at again.
const NAP: Duration = Duration::from_micros(20);

/// The engine as it is simulated.
pub type SimEngine = Engine<SimSource, SimPort>;

/// The real CSV source, in steps that the driver lets go of.
pub struct SimSource {
    csv: AnySource,
    hub: Hub,
    who: Who,
    /// For an operator, who looks at the file before approving: a false one is as good as none.
    must_be_true: Option<Arc<AtomicBool>>,
}

impl SimSource {
    async fn step(&self, name: &'static str) -> Result<(), SourceError> {
        self.hub.ask(self.who, |sender| Wish::Source(name, sender)).await;
        match &self.must_be_true {
            Some(is_true) if !is_true.load(Ordering::Relaxed) => Err(SourceError::Stopped(None)),
            _ => Ok(()),
        }
    }
}

impl HrSource for SimSource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        self.step("digest").await?;
        self.hub.reads(self.who, true);
        let digest = self.csv.digest().await;
        self.hub.reads(self.who, false);
        digest
    }

    async fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        self.step("read").await?;
        self.hub.reads(self.who, true);
        let end = self.csv.read(since, batches).await;
        self.hub.reads(self.who, false);
        self.step("read to its end").await?;
        end
    }
}

/// What every process is given.
#[derive(Clone)]
pub struct Given {
    /// Where it waits.
    pub hub: Hub,
    /// The database.
    pub database: PathBuf,
    /// The configuration.
    pub config: Arc<str>,
    /// Whether the HR file that is there is a true one.
    pub file_is_true: Arc<AtomicBool>,
}

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `run`.
    Run,
    /// `sync`.
    Sync,
    /// `approve` where the file on disk is a true one, else `reject`.
    Decide,
    /// `reject`, whatever the file on disk is.
    Reject,
    /// `actions retry --all`.
    Retry,
    /// `actions discard` of the oldest parked one.
    Discard,
}

/// A process. It has a runtime of its own, so that whatever it was about ends with it.
pub struct Process {
    /// Its number.
    pub who: Who,
    /// What it is there for.
    pub task: Task,
    hub: Hub,
    store: Store,
    owner_id: String,
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
    runtime: Runtime,
}

impl Process {
    /// Starts one. `None`: it cannot open the database, and has ended.
    pub fn start(given: &Given, who: Who, task: Task) -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let hub = given.hub.clone();
        let watch = WriteWatch::new(move || {
            let hub = hub.clone();
            Box::pin(async move { hub.ask(who, Wish::Write).await })
        });
        let opening = Opening {
            busy_timeout: Duration::from_millis(2),
            survives_power_cut: false,
            readers: 0,
            watch: Some(watch),
        };
        let store = runtime.block_on(Store::open_as(&given.database, opening)).ok()?;
        let clock: Arc<dyn Clock> = Arc::new(SimClock { hub: given.hub.clone(), who });
        let random = Arc::new(Randomness::seeded(u64::from(who)));
        let owner = Owner::register(store.path(), &random.name(clock.now())).unwrap();
        let owner_id = owner.id().to_owned();
        let loaded = parse("the simulation's configuration", &given.config, Default::default()).unwrap();
        let must_be_true = (task == Task::Decide).then(|| Arc::clone(&given.file_is_true));
        let source = SimSource { csv: compose::source(&loaded), hub: given.hub.clone(), who, must_be_true };
        let engine = Engine::new(
            loaded,
            Parts {
                feed: Feed::direct(source),
                port: SimPort { hub: given.hub.clone(), who },
                store: store.clone(),
                clock,
                random,
                telemetry: Arc::new(Telemetry::default()),
                triggers: Arc::default(),
                storing: Arc::default(),
                may_write: true,
            },
        );
        let (stop, stopped) = watch::channel(false);
        let handle = runtime.spawn(work(Arc::new(engine), Arc::new(owner), task, stopped));
        Some(Self { who, task, hub: given.hub.clone(), store, owner_id, stop, handle, runtime })
    }

    /// Lets its tasks go on until each waits for something.
    pub fn go_on(&self) {
        self.runtime.block_on(async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Sleeps until the thread that works for it, that of the database or that of a file, is likely to be done.
    pub fn wait(&self) {
        if self.store.is_idle() {
            std::thread::sleep(NAP);
        } else {
            self.runtime.block_on(self.store.settled());
        }
    }

    /// Whether its tasks wait for nothing but the driver.
    pub fn is_calm(&self) -> bool {
        self.store.is_idle() && !self.hub.is_reading(self.who)
    }

    /// Whether it has come to its end.
    pub fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Asks it to end.
    pub fn stop(&self) {
        // It may have ended by itself.
        let _ = self.stop.send(true);
    }

    /// Ends it as a kill does: whatever it was about, it does no more. The file of its lock may stay.
    pub fn kill(self, leaves_file: bool) {
        let Self { store, owner_id, handle, runtime, .. } = self;
        handle.abort();
        let lock = lock_file(store.path(), &owner_id);
        runtime.block_on(store.close());
        drop(store);
        drop(runtime);
        if leaves_file {
            std::fs::write(lock, "").unwrap();
        }
    }

    /// Takes its leave after its end.
    pub fn leave(self) {
        assert!(self.has_ended());
        self.kill(false);
    }
}

fn lock_file(database: &Path, id: &str) -> PathBuf {
    let name = database.file_name().unwrap().to_str().unwrap();
    database.with_file_name(format!("{name}-owner-{id}"))
}

/// What the real process does, without signals and HTTP.
async fn work(engine: Arc<SimEngine>, owner: Arc<Owner>, task: Task, stop: watch::Receiver<bool>) {
    if engine.record_configuration().await.is_err() {
        return;
    }
    let result = match task {
        Task::Run => {
            // Each on a task of its own, as the daemon has them; both end with this one.
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(push::run(Arc::clone(&engine), owner, |_| {}, stop.clone(), true));
            tasks.spawn(schedule::run(Arc::clone(&engine), stop.clone(), true));
            tasks.spawn(schedule::run_drift(engine, stop));
            while tasks.join_next().await.is_some() {}
            return;
        }
        Task::Sync => sync(&engine, &owner).await,
        Task::Decide => decide(&engine).await,
        Task::Reject => reject(&engine).await,
        Task::Retry => engine.store.retry_parked(None, "operator", engine.clock.now()).await.is_ok(),
        Task::Discard => discard(&engine).await,
    };
    engine.port.hub.note(format!(
        "{} {task:?} ended {}",
        engine.port.who,
        if result { "well" } else { "ill" }
    ));
}

async fn sync(engine: &SimEngine, owner: &Arc<Owner>) -> bool {
    if engine.cycle("sync").await.is_err() {
        return false;
    }
    let Ok(Ok(capabilities)) = engine.connect().await else { return false };
    let (_keep, stop) = watch::channel(false);
    engine.pool(owner, capabilities).run(Until::Empty, stop).await.is_ok()
}

async fn decide(engine: &SimEngine) -> bool {
    let Ok(Some(held)) = engine.store.held_summary(engine.clock.now()).await else { return false };
    let Feed::Direct(source) = &engine.feed else { return false };
    let must_be_true = source.must_be_true.as_ref();
    // What a false file said is in none that this operator could look at.
    let is_told = held.hold_reasons.iter().any(|reason| reason.code == "shown_when_held");
    if !is_told && must_be_true.is_some_and(|is_true| is_true.load(Ordering::Relaxed)) {
        engine.approve(&held.plan_id, "operator").await.is_ok()
    } else {
        engine.store.reject(&held.plan_id, "operator", engine.clock.now()).await.is_ok()
    }
}

async fn reject(engine: &SimEngine) -> bool {
    let now = engine.clock.now();
    let Ok(Some(held)) = engine.store.held_summary(now).await else { return false };
    engine.store.reject(&held.plan_id, "operator", now).await.is_ok()
}

async fn discard(engine: &SimEngine) -> bool {
    let Ok(status) = engine.store.status(0, engine.clock.now()).await else { return false };
    let Some(oldest) = status.parked.first() else { return false };
    engine.store.discard_parked(Some(&[oldest.action_id]), "operator", engine.clock.now()).await.is_ok()
}
