//! A source's own words for whether somebody is employed, where they are not those of `[lifecycle]`: one system's `Inactive` is on leave,
//! another's has left.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lifecycle::LifecycleSettings;
use super::value::compared;

/// `[sources.lifecycle]`: a list that is not written is that of `[lifecycle]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusSettings {
    /// This source's status values of people who work here, compared regardless of case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Vec<String>>,
    /// This source's status values of people on leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Vec<String>>,
    /// This source's status values of people who have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Vec<String>>,
}

/// What is wrong with the words of a source: the list, and what to do about it.
pub type Fault = (&'static str, String);

/// What the words of one source are among those of `[lifecycle]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusWords {
    /// By word, in compared form: the word of `[lifecycle]` that stands for it. `None`: it is one itself.
    ours: HashMap<String, Option<String>>,
    /// Those of this source for people who have left, in compared form.
    left: Vec<String>,
}

impl StatusWords {
    /// Of a source with words of its own.
    ///
    /// # Errors
    /// A word that stands in two lists; a list that has nothing in `[lifecycle]` to be told by.
    pub fn compile(own: &StatusSettings, lifecycle: &LifecycleSettings) -> Result<Self, Vec<Fault>> {
        let (mut ours, mut faults) = (HashMap::new(), Vec::new());
        let mut meanings: HashMap<String, &str> = HashMap::new();
        let lists = [
            ("active", &own.active, &lifecycle.active),
            ("leave", &own.leave, &lifecycle.leave),
            ("terminated", &own.terminated, &lifecycle.terminated),
        ];
        for (list, own, common) in lists {
            let known: Vec<String> = common.iter().map(|word| compared(word)).collect();
            for word in own.as_ref().unwrap_or(common) {
                let key = compared(word);
                if meanings.insert(key.clone(), list).is_some_and(|other| other != list) {
                    faults.push((list, format!("'{word}' stands in two lists; keep it in one of them")));
                }
                let stands_for = if known.contains(&key) { None } else { Some(common.first().cloned()) };
                match stands_for {
                    Some(None) => {
                        let mend = format!(
                            "needs a word in lifecycle.{list} that its own are told by; write one there"
                        );
                        faults.push((list, mend));
                        break;
                    }
                    Some(Some(word)) => _ = ours.insert(key, Some(word)),
                    None => _ = ours.insert(key, None),
                }
            }
        }
        let left = own.terminated.as_ref().unwrap_or(&lifecycle.terminated);
        let left = left.iter().map(|word| compared(word)).collect();
        if faults.is_empty() { Ok(Self { ours, left }) } else { Err(faults) }
    }

    /// The word for those who have left, in compared form.
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// A status of this source by the words of `[lifecycle]`. What is no word of this source becomes none of them either, though another
    /// source may have it.
    pub fn told<'a>(&'a self, status: &'a str) -> Cow<'a, str> {
        match self.ours.get(&compared(status)) {
            Some(None) => status.into(),
            Some(Some(word)) => word.into(),
            None => format!("{status} (not here)").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lifecycle(leave: &[&str]) -> LifecycleSettings {
        let lists = json!({"active": ["Active"], "leave": leave, "terminated": ["Terminated", "Retired"]});
        serde_json::from_value(lists).unwrap()
    }

    fn own(lists: serde_json::Value) -> StatusSettings {
        serde_json::from_value(lists).unwrap()
    }

    #[test]
    fn one_systems_word_for_a_leave_is_anothers_for_having_left() {
        let adp = own(json!({"leave": ["Inactive"]}));
        let bamboohr = own(json!({"leave": [], "terminated": ["Inactive", "Retired"]}));
        let adp = StatusWords::compile(&adp, &lifecycle(&["On Leave"])).unwrap();
        let bamboohr = StatusWords::compile(&bamboohr, &lifecycle(&["On Leave"])).unwrap();
        let told = |words: &StatusWords| -> Vec<String> {
            let all = ["ACTIVE", "inactive ", "Retired", "Terminated", "On Leave", "x"];
            all.iter().map(|status| words.told(status).into_owned()).collect()
        };
        let none = |status: &str| format!("{status} (not here)");
        assert_eq!(
            told(&adp),
            ["ACTIVE", "On Leave", "Retired", "Terminated", &none("On Leave"), &none("x")]
        );
        let expected =
            ["ACTIVE", "Terminated", "Retired", &none("Terminated"), &none("On Leave"), &none("x")];
        assert_eq!(told(&bamboohr), expected);
        assert_eq!(
            (adp.left(), bamboohr.left()),
            (&["terminated".into(), "retired".into()][..], &["inactive".into(), "retired".into()][..])
        );
    }

    #[test]
    fn a_word_in_two_lists_and_a_list_without_a_common_word_are_named() {
        let fault = |lists| StatusWords::compile(&own(lists), &lifecycle(&[])).unwrap_err();
        // One of its own, and one of `[lifecycle]` that holds for it.
        for lists in [json!({"active": ["x"], "terminated": ["X"]}), json!({"active": ["retired"]})] {
            let faults = fault(lists);
            assert!(
                faults.len() == 1 && faults[0].0 == "terminated" && faults[0].1.contains("two lists"),
                "{faults:?}"
            );
        }
        let faults = fault(json!({"leave": ["L", "S"]}));
        assert!(faults.len() == 1 && faults[0].1.contains("lifecycle.leave"), "{faults:?}");
    }
}
