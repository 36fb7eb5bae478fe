//! A question, and whether its answer can be used.

use std::io::{BufRead, IsTerminal};

use super::super::terminal::complain;

/// What is asked for where no option tells it.
pub struct Question {
    /// The key of the configuration that the answer is for.
    pub key: &'static str,
    /// What is asked.
    pub words: &'static str,
    /// What an empty answer means; `None`: nothing, there has to be one.
    pub usual: Option<&'static str>,
}

impl Question {
    /// What is given, or what somebody answers, as `usable` makes it. On a terminal it is asked again for as long as it cannot be used.
    ///
    /// # Errors
    /// Why it cannot be used, with the key.
    pub fn answered<T>(
        &self,
        given: Option<String>,
        usable: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let asks_again = given.is_none() && std::io::stdin().is_terminal();
        let mut given = given;
        loop {
            let answer = match given.take() {
                Some(given) => given,
                None => self.heard()?,
            };
            let made = match answer.as_str() {
                "" => Err(format!("{}: '{}' needs an answer", self.key, self.words)),
                answer => usable(answer),
            };
            match made {
                Err(why) if asks_again => complain!("{why}"),
                made => return made,
            }
        }
    }

    fn heard(&self) -> Result<String, String> {
        let hint = self.usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
        complain!("{}{hint}:", self.words);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        match read.map_err(|error| format!("{}: {error}", self.key))? {
            0 => Err(format!(
                "{}: there was no answer to '{}'; answer it, or give all of them as options: see `init --help`",
                self.key, self.words
            )),
            _ => Ok(match (line.trim(), self.usual) {
                ("", Some(usual)) => usual.to_owned(),
                (answer, _) => answer.to_owned(),
            }),
        }
    }
}
