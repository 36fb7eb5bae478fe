//! A message, as every channel sends it in its own form.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{Digest, Kind, Told};

/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S UTC";

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something is the matter.
    Raised,
    /// It still is.
    Reminded,
    /// It concerns twice as many as were told of, or more.
    Worse,
    /// It is over.
    Recovered,
    /// The counts of a day.
    Digest,
    /// Somebody tries whether messages arrive.
    Test,
}

impl Event {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Reminded => "reminded",
            Self::Worse => "worse",
            Self::Recovered => "recovered",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// A message. Its form in JSON is the body of the webhook, and fixed. It holds no personal data but employee ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same however often it is sent: whoever has it already throws it away.
    pub id: String,
    /// What it is about.
    pub event: Event,
    /// The kind of alert.
    pub alert: Option<Kind>,
    /// Which of several sources.
    pub source: Option<String>,
    /// `alerts.name`: which installation it comes from.
    pub name: Option<String>,
    /// When it was made.
    #[serde(serialize_with = "moment")]
    pub at: DateTime<Utc>,
    /// Since when it is the matter.
    #[serde(serialize_with = "moment_if")]
    pub since: Option<DateTime<Utc>>,
    /// One line.
    pub title: String,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub to_do: Option<String>,
    /// The command to begin with.
    pub command: Option<String>,
    /// The run that it is about.
    pub run_id: Option<String>,
    /// The plan that it is about.
    pub plan_id: Option<String>,
    /// How many it concerns.
    pub count: Option<u64>,
    /// Some of whom it concerns.
    pub employee_ids: Vec<String>,
    /// The counts of a digest.
    pub digest: Option<Digest>,
}

/// Always to the millisecond: not every receiver reads times of more forms than one.
pub(super) fn moment<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn moment_if<S: Serializer>(at: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => moment(at, to),
        None => to.serialize_none(),
    }
}

impl Message {
    /// About an alert. `id` is one that no other message has, and `name` is `alerts.name`.
    pub fn of(told: &Told, id: String, name: Option<&str>, now: DateTime<Utc>) -> Self {
        let (event, condition) = (told.event, &told.alert.condition);
        let is_over = event == Event::Recovered;
        let about = condition.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
        let title = condition.kind.title();
        let title = match event {
            Event::Recovered => format!("over: {title}{about}"),
            Event::Reminded => format!("still: {title}{about}"),
            Event::Worse => format!("worse: {title}{about}"),
            _ => format!("{title}{about}"),
        };
        let what = match is_over {
            true => format!(
                "It is over. It was raised at {}. What was told last: {}",
                told.alert.raised_at.format(AT),
                condition.what
            ),
            false => condition.what.clone(),
        };
        Self {
            alert: Some(condition.kind),
            source: condition.source.clone(),
            since: Some(condition.since),
            what,
            to_do: (!is_over).then(|| condition.to_do.clone()),
            command: (!is_over).then(|| condition.command.clone()),
            run_id: condition.run_id.clone(),
            plan_id: condition.plan_id.clone(),
            count: Some(condition.count),
            employee_ids: condition.employee_ids.clone(),
            ..Self::plain(event, id, name, title, String::new(), now)
        }
    }

    /// The counts of a day.
    pub fn digest(digest: Digest, id: String, name: Option<&str>, now: DateTime<Utc>) -> Self {
        let what = digest.text();
        let plain = Self::plain(Event::Digest, id, name, "what was done".into(), what, now);
        Self { since: Some(digest.since), digest: Some(digest), ..plain }
    }

    /// A trial.
    pub fn test(id: String, name: Option<&str>, now: DateTime<Utc>) -> Self {
        let what = "Somebody asked `workiva-sync alerts test` whether messages arrive. This one did, and there is nothing to do.";
        Self::plain(Event::Test, id, name, "a test".into(), what.into(), now)
    }

    fn plain(
        event: Event,
        id: String,
        name: Option<&str>,
        title: String,
        what: String,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            event,
            alert: None,
            source: None,
            name: name.map(str::to_owned),
            at,
            since: None,
            title,
            what,
            to_do: None,
            command: None,
            run_id: None,
            plan_id: None,
            count: None,
            employee_ids: Vec::new(),
            digest: None,
        }
    }

    /// One line that names the sender.
    pub fn subject(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        format!("[workiva-sync{name}] {}", self.title)
    }

    /// The whole in lines, without its subject.
    pub fn text(&self) -> String {
        let mut lines = vec![self.what.clone()];
        if self.event != Event::Digest {
            lines.extend(self.since.map(|since| format!("Since: {}", since.format(AT))));
        }
        if !self.employee_ids.is_empty() {
            let among = if self.count.is_some_and(|count| count > self.employee_ids.len() as u64) {
                "among them "
            } else {
                ""
            };
            lines.push(format!("Employee ids: {among}{}", self.employee_ids.join(", ")));
        }
        lines.extend(self.to_do.as_ref().map(|to_do| format!("What to do: {to_do}")));
        lines.extend(self.run_id.as_ref().map(|run_id| format!("Run: {run_id}")));
        lines.extend(self.plan_id.as_ref().map(|plan_id| format!("Plan: {plan_id}")));
        lines.push(format!("Message: {} of {}", self.id, self.at.format(AT)));
        lines.join("\n")
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
