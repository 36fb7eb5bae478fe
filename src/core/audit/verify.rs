//! Whether a stream of records is one whole chain.

use std::str::FromStr;

use super::{Head, Record, hash_behind};

/// A record that is known from elsewhere, such as from a log: its number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The record's number.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no anchor; write it as in the log, NUMBER:HASH with 64 digits");
        let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self { seq, hash: hash.to_ascii_lowercase() }).ok_or_else(wrong)
    }
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Records are not there.
    #[error(
        "records {first} to {last} are missing: they were removed, or the chain does not begin at its beginning"
    )]
    Missing {
        /// The first that is not there.
        first: i64,
        /// The last that is not there.
        last: i64,
    },
    /// A number comes twice, or after a greater one.
    #[error("record {seq} is out of order: it was put in or moved")]
    OutOfOrder {
        /// The record.
        seq: i64,
    },
    /// A record's hash is not that of its content behind the record before.
    #[error(
        "record {seq} does not follow from the record before it: one of the two was altered, put in or moved; nothing from \
         here on is proven"
    )]
    Altered {
        /// The record.
        seq: i64,
    },
    /// The last record is not the one that the head names.
    #[error(
        "the last record is {last}, but the head names record {head}: records at the end were removed, altered or put in"
    )]
    Head {
        /// The last record.
        last: i64,
        /// What the head says.
        head: i64,
    },
    /// The chain ends before the anchor.
    #[error("the anchor is record {anchor}, but the chain ends with record {last}: its end was cut off")]
    EndsBeforeAnchor {
        /// The anchor's number.
        anchor: i64,
        /// The last record.
        last: i64,
    },
    /// The record of the anchor's number has another hash.
    #[error(
        "record {seq} is not the one that the anchor names: the chain up to there was written anew, or is of another database"
    )]
    NotTheAnchor {
        /// The record.
        seq: i64,
    },
    /// An export begins behind the anchor, or there is none.
    #[error(
        "it begins with record {seq}, and nothing proves that record: give an anchor of record {} or later",
        seq - 1
    )]
    Unproven {
        /// The first record.
        seq: i64,
    },
}

/// Takes in records one after the other, and finds the first that does not fit.
#[derive(Clone, Debug)]
pub struct Verifier {
    begun_behind: Head,
    head: Head,
    anchor: Option<Anchor>,
}

impl Verifier {
    /// Of a chain from its beginning.
    pub fn from_start(anchor: Option<Anchor>) -> Self {
        Self::behind(Head::default(), anchor)
    }

    /// Of a part of a chain, behind a record of this number and hash, which only an anchor can prove.
    pub fn behind(head: Head, anchor: Option<Anchor>) -> Self {
        Self { begun_behind: head.clone(), head, anchor }
    }

    /// The last record that was taken in.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// Where it does not follow from the one before, or is not what the anchor says.
    pub fn accept(&mut self, record: &Record) -> Result<(), Fault> {
        let next = self.head.seq + 1;
        if record.seq > next {
            return Err(Fault::Missing { first: next, last: record.seq - 1 });
        }
        if record.seq < next {
            return Err(Fault::OutOfOrder { seq: record.seq });
        }
        if hash_behind(&self.head.hash, record) != record.hash {
            return Err(Fault::Altered { seq: record.seq });
        }
        self.head = Head { seq: record.seq, hash: record.hash.clone() };
        self.hold_against_anchor()
    }

    /// Ends the stream. `head` is what is known of the chain's end; `None`: nothing.
    ///
    /// # Errors
    /// Where the end or the anchor is missing, or nothing proves the beginning.
    pub fn finish(&self, head: Option<&Head>) -> Result<(), Fault> {
        let last = self.head.seq;
        if let Some(head) = head
            && *head != self.head
        {
            return Err(Fault::Head { last, head: head.seq });
        }
        let begun = &self.begun_behind;
        match &self.anchor {
            Some(anchor) if anchor.seq > last => Err(Fault::EndsBeforeAnchor { anchor: anchor.seq, last }),
            Some(anchor) if anchor.seq == begun.seq && anchor.hash != begun.hash => {
                Err(Fault::NotTheAnchor { seq: anchor.seq })
            }
            Some(anchor) if anchor.seq >= begun.seq => Ok(()),
            _ if *begun == Head::default() => Ok(()),
            _ => Err(Fault::Unproven { seq: begun.seq + 1 }),
        }
    }

    fn hold_against_anchor(&self) -> Result<(), Fault> {
        match &self.anchor {
            Some(anchor) if anchor.seq == self.head.seq && anchor.hash != self.head.hash => {
                Err(Fault::NotTheAnchor { seq: anchor.seq })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::{Entry, Kind};
    use super::*;

    fn chain(length: usize) -> Vec<Record> {
        let mut head = Head::default();
        let mut records = Vec::new();
        for number in 0..length {
            let entry = Entry::of_person(Kind::Decision, "1001", &number);
            let record = head.link(DateTime::UNIX_EPOCH, &entry);
            head = Head { seq: record.seq, hash: record.hash.clone() };
            records.push(record);
        }
        records
    }

    fn head(records: &[Record]) -> Head {
        records.last().map_or_else(Head::default, |last| Head { seq: last.seq, hash: last.hash.clone() })
    }

    fn verify(records: &[Record], head: &Head, anchor: Option<Anchor>) -> Result<(), Fault> {
        run(Verifier::from_start(anchor), records, Some(head))
    }

    fn run(mut verifier: Verifier, records: &[Record], head: Option<&Head>) -> Result<(), Fault> {
        for record in records {
            verifier.accept(record)?;
        }
        verifier.finish(head)
    }

    fn anchor(record: &Record) -> Anchor {
        format!("{}:{}", record.seq, record.hash).parse().unwrap()
    }

    #[test]
    fn a_whole_chain_is_whole_and_so_is_an_empty_one() {
        let records = chain(5);
        assert_eq!(verify(&records, &head(&records), Some(anchor(&records[2]))), Ok(()));
        assert_eq!(verify(&[], &Head::default(), None), Ok(()));
    }

    #[test]
    fn each_altered_column_is_found_at_its_record() {
        let alter: [fn(&mut Record); 5] = [
            |record| record.at += 1,
            |record| record.kind = "run".into(),
            |record| record.employee_id = Some("1002".into()),
            |record| record.body.push(' '),
            |record| record.hash = "0".repeat(64),
        ];
        for change in alter {
            let mut records = chain(5);
            let head = head(&records);
            change(&mut records[2]);
            assert_eq!(verify(&records, &head, None), Err(Fault::Altered { seq: 3 }));
        }
    }

    #[test]
    fn a_gap_a_swap_and_a_double_are_found() {
        let whole = chain(5);
        let end = head(&whole);
        let mut gap = whole.clone();
        gap.drain(1..3);
        assert_eq!(verify(&gap, &end, None), Err(Fault::Missing { first: 2, last: 3 }));
        assert_eq!(verify(&whole[1..], &end, None), Err(Fault::Missing { first: 1, last: 1 }));
        let mut swapped = whole.clone();
        (swapped[1].seq, swapped[2].seq) = (3, 2);
        swapped.swap(1, 2);
        assert_eq!(verify(&swapped, &end, None), Err(Fault::Altered { seq: 2 }));
        let mut double = whole.clone();
        double.insert(3, whole[2].clone());
        assert_eq!(verify(&double, &end, None), Err(Fault::OutOfOrder { seq: 3 }));
    }

    #[test]
    fn a_cut_end_shows_by_the_head_and_one_whose_head_was_altered_too_by_an_anchor() {
        let whole = chain(5);
        let cut = &whole[..3];
        assert_eq!(verify(cut, &head(&whole), None), Err(Fault::Head { last: 3, head: 5 }));
        assert_eq!(verify(cut, &head(cut), None), Ok(()));
        let known = Some(anchor(&whole[4]));
        assert_eq!(verify(cut, &head(cut), known), Err(Fault::EndsBeforeAnchor { anchor: 5, last: 3 }));
    }

    #[test]
    fn a_chain_that_was_written_anew_is_found_by_an_anchor_alone() {
        let known = Some(anchor(&chain(5)[3]));
        let mut anew = Vec::new();
        let mut last = Head::default();
        for number in 10..15 {
            let record = last.link(DateTime::UNIX_EPOCH, &Entry::new(Kind::Run, &number));
            last = Head { seq: record.seq, hash: record.hash.clone() };
            anew.push(record);
        }
        assert_eq!(verify(&anew, &last, None), Ok(()));
        assert_eq!(verify(&anew, &last, known), Err(Fault::NotTheAnchor { seq: 4 }));
    }

    #[test]
    fn a_part_of_a_chain_is_proven_by_an_anchor_at_its_beginning_or_in_it() {
        let whole = chain(5);
        let part = |anchor| run(Verifier::behind(head(&whole[..2]), anchor), &whole[2..], None);
        assert_eq!(part(None), Err(Fault::Unproven { seq: 3 }));
        assert_eq!(part(Some(anchor(&whole[0]))), Err(Fault::Unproven { seq: 3 }));
        for known in &whole[1..] {
            assert_eq!(part(Some(anchor(known))), Ok(()));
        }
        let wrong = Anchor { seq: 2, hash: "0".repeat(64) };
        assert_eq!(part(Some(wrong)), Err(Fault::NotTheAnchor { seq: 2 }));
    }

    #[test]
    fn an_anchor_is_read_as_it_is_printed_and_nothing_else_is_one() {
        for text in ["", "5", "0:00", ":", "x:y", &format!("0:{}", "a".repeat(64))] {
            assert!(text.parse::<Anchor>().is_err(), "{text}");
        }
    }
}
