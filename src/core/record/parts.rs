//! A batch without some of its records.

use std::sync::Arc;

use super::{Record, RecordBatch, Rejection, RejectionKind};

impl RecordBatch {
    /// A batch of what may be about one person: their records, and refused rows that are theirs or nobody's.
    pub fn about(&self, employee_id: &str) -> Self {
        let mut batch = Self::new(Arc::clone(&self.columns), self.seed);
        for index in (0..self.len()).filter(|index| self.value(*index, 0) == employee_id) {
            batch.push_copy(self, index);
        }
        let may_be_theirs =
            |one: &&Rejection| one.employee_id.as_ref().is_none_or(|theirs| theirs == employee_id);
        batch.rejections = self.rejections.iter().filter(may_be_theirs).cloned().collect();
        batch
    }

    /// The same without the records of some people.
    pub fn without(self, is_left_out: impl Fn(&str) -> bool) -> Self {
        if !(0..self.len()).any(|index| is_left_out(self.value(index, 0))) {
            return self;
        }
        let mut batch = Self::new(Arc::clone(&self.columns), self.seed);
        for index in (0..self.len()).filter(|index| !is_left_out(self.value(*index, 0))) {
            batch.push_copy(&self, index);
        }
        Self { rejections: self.rejections, gone: self.gone, unread: self.unread, ..batch }
    }

    /// The same, where those records are refused of which `why_not` says why.
    pub fn refusing(self, why_not: impl Fn(&Record) -> Option<(RejectionKind, String)>) -> Self {
        let judged: Vec<_> = (0..self.len()).map(|index| why_not(&self.record(index))).collect();
        if judged.iter().all(Option::is_none) {
            return self;
        }
        let mut batch = Self::new(Arc::clone(&self.columns), self.seed);
        let mut rejections = Vec::new();
        for (index, why_not) in judged.into_iter().enumerate() {
            match why_not {
                None => batch.push_copy(&self, index),
                Some((kind, reason)) => {
                    let (id, row, _) = self.head(index);
                    rejections.push(Rejection {
                        employee_id: Some(id.to_owned()),
                        row: Some(row),
                        kind,
                        reason,
                    });
                }
            }
        }
        rejections.extend(self.rejections);
        Self { rejections, gone: self.gone, unread: self.unread, ..batch }
    }

    /// The same with at most so many rows, good or not: those that stood first.
    pub fn first(self, most: usize) -> Self {
        let heads = self.rows.iter().map(|head| head.row);
        let mut rows: Vec<u64> = heads.chain(self.rejections.iter().filter_map(|one| one.row)).collect();
        rows.sort_unstable();
        let Some(last) = rows.get(most.max(1) - 1).copied().filter(|_| rows.len() > most) else {
            return self;
        };
        let mut batch = Self::new(Arc::clone(&self.columns), self.seed);
        for index in (0..self.len()).filter(|index| self.rows[*index].row <= last) {
            batch.push_copy(&self, index);
        }
        let rejections = self.rejections.into_iter().filter(|one| one.row.is_none_or(|row| row <= last));
        batch.rejections = rejections.collect();
        Self { gone: self.gone, unread: self.unread, ..batch }
    }

    fn push_copy(&mut self, other: &Self, index: usize) {
        let width = other.columns.names().len();
        self.push(other.rows[index].row, (0..width).map(|column| other.value(index, column)));
    }
}
