//! Follows a JSON document as it streams in and hands out its records one at a time: what is held in memory is one record.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::element::Element;
use super::path::{Step, StreamPath};
use super::surrogate::Mended;

/// The largest record, or other piece that has to be held as a whole, in bytes.
pub const LARGEST_RECORD_BYTES: u64 = 8 * 1024 * 1024;

/// What stood in a document beside its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Whether the list of records was there, empty or not.
    pub has_records: bool,
    /// Whether it was an object, whose members are the records; of lists within others, the outermost.
    pub is_object: bool,
    /// What stands at the other paths, in their order.
    pub others: Vec<Option<Value>>,
}

/// Why a document could not be followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum WalkError<E> {
    /// It ends early.
    #[error("its JSON ends early")]
    EndsEarly,
    /// It is no JSON.
    #[error("it is no JSON (line {line}, column {column})")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A record does not fit.
    #[error("a record or value in it is larger than {LARGEST_RECORD_BYTES} bytes")]
    TooLarge,
    /// Nobody can say which of two counts.
    #[error("a key on the way to its records, or to what stands beside them, stands twice in it")]
    Twice,
    /// A list within another one is missing: those in it would look gone.
    #[error("parts of it lack the list that source.rest.records leads to")]
    ListMissing,
    /// The stream broke.
    #[error("it cannot be read on: {0}")]
    Broken(io::Error),
    /// The taker of records had enough.
    #[error("the walk was stopped")]
    Stopped(E),
}

/// Walks through a document to its last byte; every record is given to `take`. `others` are paths to single values beside the
/// records.
///
/// # Errors
/// Where the document is not whole, or `take` refuses to go on. Records were handed out by then.
pub fn walk<E>(
    document: impl Read,
    records: &StreamPath,
    others: &[&StreamPath],
    take: impl FnMut(Element) -> Result<(), E>,
) -> Result<Found, WalkError<E>> {
    let left = Rc::new(Cell::new(LARGEST_RECORD_BYTES));
    let has_ended = Rc::new(Cell::new(false));
    let reader =
        Limited { inner: Mended::new(document), left: Rc::clone(&left), has_ended: Rc::clone(&has_ended) };
    let state = RefCell::new(State {
        take,
        stopped: None,
        twice: false,
        owed: 0,
        left: Rc::clone(&left),
        found: Found { others: vec![None; others.len()], ..Found::default() },
    });
    let paths: Vec<&[Step]> =
        std::iter::once(records).chain(others.iter().copied()).map(StreamPath::steps).collect();
    let targets = (0..paths.len()).collect();
    let mut document = serde_json::Deserializer::from_reader(reader);
    let seed = Place { state: &state, paths: &paths, targets, depth: 0 };
    let walked = seed.deserialize(&mut document).and_then(|()| {
        left.set(u64::MAX);
        document.end()
    });
    let state = state.into_inner();
    if let Some(stopped) = state.stopped {
        return Err(WalkError::Stopped(stopped));
    }
    match walked {
        Ok(()) if state.owed != 0 => Err(WalkError::ListMissing),
        Ok(()) => Ok(state.found),
        Err(_) if state.twice => Err(WalkError::Twice),
        Err(_) if left.get() == 0 => Err(WalkError::TooLarge),
        Err(error) if error.is_io() => Err(WalkError::Broken(error.into())),
        // In the middle of a number the parser does not say which of the two it is.
        Err(error) if error.is_eof() || has_ended.get() => Err(WalkError::EndsEarly),
        Err(error) => Err(WalkError::NotJson { line: error.line(), column: error.column() }),
    }
}

struct State<T, E> {
    take: T,
    stopped: Option<E>,
    twice: bool,
    /// How many elements were entered in which a further list has to come.
    owed: u64,
    left: Rc<Cell<u64>>,
    found: Found,
}

impl<T: FnMut(Element) -> Result<(), E>, E> State<T, E> {
    /// From here on something is held in memory.
    fn hold(&self) {
        self.left.set(LARGEST_RECORD_BYTES);
    }

    /// What comes now is passed over without being held.
    fn pass_over(&self) {
        self.left.set(u64::MAX);
    }

    fn record(&mut self, record: Element) -> Result<(), ()> {
        (self.take)(record).map_err(|error| self.stopped = Some(error))
    }
}

/// A place in the document to which the first `depth` steps of the `targets` lead. Target 0 are the records.
struct Place<'w, T, E> {
    state: &'w RefCell<State<T, E>>,
    paths: &'w [&'w [Step]],
    targets: Vec<usize>,
    depth: usize,
}

impl<T, E> Place<'_, T, E> {
    fn step(&self, target: usize) -> Option<&Step> {
        self.paths[target].get(self.depth)
    }

    /// Whether an `Each` of the records' path, with nothing but names behind it, is at this depth.
    fn is_list_of(&self, target: usize) -> bool {
        target == 0 && self.step(0) == Some(&Step::Each)
    }

    fn next(&self, targets: Vec<usize>) -> Self {
        Place { state: self.state, paths: self.paths, targets, depth: self.depth + 1 }
    }

    /// Whether another list has to come below an element of the list at this depth.
    fn owes(&self) -> bool {
        self.paths[0][self.depth + 1..].contains(&Step::Each)
    }
}

impl<T: FnMut(Element) -> Result<(), E>, E> Place<'_, T, E> {
    /// A list of the records' path begins here.
    fn enter_list(&self, is_object: bool) {
        let mut state = self.state.borrow_mut();
        state.found.has_records = true;
        if self.paths[0][..self.depth].contains(&Step::Each) {
            state.owed = state.owed.saturating_sub(1);
        } else {
            state.found.is_object = is_object;
        }
    }

    fn enter_element(&self) {
        let mut state = self.state.borrow_mut();
        state.hold();
        if self.owes() {
            state.owed += 1;
        }
    }
}

impl<'de, T: FnMut(Element) -> Result<(), E>, E> DeserializeSeed<'de> for Place<'_, T, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let ended: Vec<usize> =
            self.targets.iter().copied().filter(|target| self.step(*target).is_none()).collect();
        if ended.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let is_record = ended.contains(&0);
        let element = match is_record {
            // What cannot be read of a record is its own fault alone, as long as it is seen where it ends.
            true => Element::of(&Box::<RawValue>::deserialize(deserializer)?),
            false => Element::read(deserializer)?,
        };
        let leads_into_it = self.targets.iter().any(|target| *target > 0);
        if leads_into_it && !element.unread.is_empty() {
            return Err(D::Error::custom("what stands beside the records cannot be read"));
        }
        let mut state = self.state.borrow_mut();
        // What leads on into a value that is taken out whole is looked for in it.
        for target in self.targets.iter().copied().filter(|target| *target > 0) {
            let found =
                self.paths[target][self.depth..].iter().try_fold(&element.value, |value: &Value, step| {
                    match step {
                        Step::Key(key) => value.get(key),
                        Step::Each => None,
                    }
                });
            if let Some(found) = found {
                state.found.others[target - 1] = Some(found.clone());
            }
        }
        if is_record {
            state.found.has_records = true;
            state.record(element).map_err(|()| D::Error::custom("stopped"))?;
        }
        state.hold();
        Ok(())
    }
}

impl<'de, T: FnMut(Element) -> Result<(), E>, E> Visitor<'de> for Place<'_, T, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let is_list = self.targets.iter().any(|target| self.is_list_of(*target));
        if is_list {
            self.enter_list(true);
        }
        let mut followed: Vec<String> = Vec::new();
        self.state.borrow().hold();
        while let Some(key) = map.next_key::<String>()? {
            let leads = |target: &usize| match self.step(*target) {
                Some(Step::Key(wanted)) => *wanted == key,
                Some(Step::Each) => true,
                None => false,
            };
            let targets: Vec<usize> = self.targets.iter().copied().filter(leads).collect();
            if targets.is_empty() {
                self.state.borrow().pass_over();
                map.next_value::<IgnoredAny>()?;
                self.state.borrow().hold();
                continue;
            }
            if targets.iter().any(|target| self.step(*target) != Some(&Step::Each)) {
                if followed.contains(&key) {
                    self.state.borrow_mut().twice = true;
                    return Err(A::Error::custom("twice"));
                }
                followed.push(key);
            }
            if is_list && targets.contains(&0) {
                self.enter_element();
            }
            map.next_value_seed(self.next(targets))?;
            self.state.borrow().hold();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let targets: Vec<usize> =
            self.targets.iter().copied().filter(|target| self.step(*target) == Some(&Step::Each)).collect();
        if !targets.contains(&0) {
            self.state.borrow().pass_over();
            while list.next_element::<IgnoredAny>()?.is_some() {}
            self.state.borrow().hold();
            return Ok(());
        }
        self.enter_list(false);
        loop {
            self.enter_element();
            if list.next_element_seed(self.next(targets.clone()))?.is_none() {
                // The element that was entered did not come.
                if self.owes() {
                    self.state.borrow_mut().owed -= 1;
                }
                return Ok(());
            }
        }
    }

    fn visit_bool<F>(self, _: bool) -> Result<(), F> {
        Ok(())
    }

    fn visit_i64<F>(self, _: i64) -> Result<(), F> {
        Ok(())
    }

    fn visit_u64<F>(self, _: u64) -> Result<(), F> {
        Ok(())
    }

    fn visit_f64<F>(self, _: f64) -> Result<(), F> {
        Ok(())
    }

    fn visit_str<F>(self, _: &str) -> Result<(), F> {
        Ok(())
    }

    fn visit_unit<F>(self) -> Result<(), F> {
        Ok(())
    }
}

/// Lets no more through than may be held.
struct Limited<R> {
    inner: R,
    left: Rc<Cell<u64>>,
    /// Whether it was asked for more than there is.
    has_ended: Rc<Cell<bool>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("too large"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let read = self.inner.read(&mut into[..most])?;
        self.left.set(left - read as u64);
        self.has_ended.set(read == 0);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
