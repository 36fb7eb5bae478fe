//! Records that are asked for one by one, by the ids that a list holds.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};
use url::Url;

use super::super::SourceError;
use super::call::set;
use super::http::NOT_THERE;
use super::list::{Reading, nothing_at};
use super::page::{PageError, walk_body};
use super::taker::Taker;
use super::totals::Totals;
use crate::config::rest::DetailRules;

impl Reading<'_> {
    /// Every record by itself.
    pub(super) async fn details(
        &self,
        detail: &DetailRules,
        ids: &[String],
        totals: &mut Totals,
    ) -> Result<(), SourceError> {
        let is_employee_id = self.options.rules.fields.is_employee_id(&detail.id);
        let mut asked: HashMap<String, &str> = HashMap::new();
        for (row, id) in (0..).zip(ids) {
            self.room().await?;
            let mut url = self.http.address(&detail.url, id)?;
            for (name, value) in &detail.query {
                set(&mut url, name, value);
            }
            let taker = self.detail(detail, &url, id, row).await?;
            if let Some(whose) = taker.whose() {
                let reason = if is_employee_id {
                    (whose != id)
                        .then(|| format!("asked for '{id}', it answers with the record of '{whose}'"))
                } else {
                    let before = asked.insert(whose.to_owned(), id).filter(|before| *before != id);
                    before.map(|before| {
                        format!("by '{before}' and by '{id}' it answers with the record of '{whose}'")
                    })
                };
                if let Some(reason) = reason {
                    let mend = "correct source.rest.detail (path, id, record) and source.columns.employee_id";
                    return Err(self.http.incomplete(format!("{reason}; {mend}")));
                }
            }
            totals.left_out += taker.left_out;
            totals.look_at(&taker);
            totals.seen.merge(taker.seen);
            self.hand_on(taker.held).await?;
        }
        Ok(())
    }

    async fn detail(
        &self,
        detail: &DetailRules,
        url: &Url,
        id: &str,
        row: u64,
    ) -> Result<Taker, SourceError> {
        let mut attempt = 1;
        loop {
            let response = self.http.ask(&Method::GET, url, None, NOT_THERE).await?;
            let mut taker = Taker::new(self.options, None, self.delta, self.batches, true, row);
            if response.status() != StatusCode::OK {
                taker.not_found(id, &detail.id);
                taker.flush()?;
                return Ok(taker);
            }
            self.check(&response)?;
            let (taker, walked) = walk_body(response, &detail.record, Vec::new(), taker).await;
            match (taker, walked) {
                (Some(taker), Ok(_)) if taker.rows == 1 => return Ok(taker),
                (_, Ok(_)) => return Err(self.http.incomplete(nothing_at(&detail.record))),
                (_, Err(PageError::Stopped(error))) => return Err(error),
                (_, Err(PageError::Incomplete(reason))) => return Err(self.http.incomplete(reason)),
                (_, Err(PageError::Broken(reason))) if attempt >= self.http.max_attempts() => {
                    return Err(self.http.incomplete(reason));
                }
                (_, Err(PageError::Broken(_))) => {
                    tokio::time::sleep(self.http.pause(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }
}
