//! What a record of a delta says has happened to somebody.

use super::value::compared;

/// How much of a word that nobody knows a message quotes, in characters.
const SHOWN: usize = 24;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// They are as the record says.
    There,
    /// They are gone.
    Gone,
}

/// Which words say what, regardless of case.
#[derive(Clone, Debug, Default)]
pub struct ActionWords {
    gone: Vec<String>,
    there: Vec<String>,
    keys: &'static str,
}

impl ActionWords {
    /// Compiles them. A word of both lists means gone. `keys`: where both stand, for messages.
    pub fn new(gone: &[String], there: &[String], keys: &'static str) -> Self {
        let compared = |words: &[String]| words.iter().map(|word| compared(word)).collect::<Vec<_>>();
        Self { gone: compared(gone), there: compared(there), keys }
    }

    /// Whether any word says that somebody is gone.
    pub fn can_say_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// What a word means.
    ///
    /// # Errors
    /// Where nobody has said: whoever is gone by it may not stay, and whoever is not may not go.
    pub fn read(&self, said: &str) -> Result<Happened, String> {
        let word = compared(said);
        if self.gone.contains(&word) {
            return Ok(Happened::Gone);
        }
        if self.there.contains(&word) {
            return Ok(Happened::There);
        }
        let shown: String = said.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        Err(format!(
            "says '{shown}' of what happened, which is in neither {}; add it to one of them",
            self.keys
        ))
    }
}

/// What is usual for somebody who is gone.
pub fn usual_gone() -> Vec<String> {
    ["delete", "deleted", "remove", "removed", "del", "d"].map(str::to_owned).into()
}

/// What is usual for somebody who is as the record says, and that nothing is said.
pub fn usual_there() -> Vec<String> {
    const WORDS: [&str; 27] = [
        "",
        "upsert",
        "upserted",
        "insert",
        "inserted",
        "create",
        "created",
        "add",
        "added",
        "update",
        "updated",
        "change",
        "changed",
        "modify",
        "modified",
        "new",
        "hire",
        "hired",
        "rehire",
        "rehired",
        "none",
        "unchanged",
        "i",
        "u",
        "a",
        "c",
        "m",
    ];
    WORDS.map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_in_no_list_never_means_that_somebody_is_still_there() {
        let words = ActionWords::new(&usual_gone(), &usual_there(), "a and b");
        for gone in ["D", " Delete ", "REMOVED"] {
            assert_eq!(words.read(gone), Ok(Happened::Gone), "{gone}");
        }
        for there in ["", "U", "Hire"] {
            assert_eq!(words.read(there), Ok(Happened::There), "{there}");
        }
        let told = words.read("terminate\u{7}").unwrap_err();
        assert_eq!(
            told,
            "says 'terminate' of what happened, which is in neither a and b; add it to one of them"
        );
        let own = ActionWords::new(&["X".into()], &["x".into(), "k".into()], "");
        assert_eq!((own.read("x"), own.read("K")), (Ok(Happened::Gone), Ok(Happened::There)));
        assert!(own.read("").is_err() && own.read("delete").is_err());
    }
}
