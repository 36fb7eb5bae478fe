//! Where the command line prints, and the one place where it does.
//!
//! Words come from outside: from HR, from Workiva, from a file's name. A terminal would obey what is in them: colours, a
//! cursor that moves up and writes over a line, text that is shown backwards. So whatever is printed for people is one line,
//! in which nothing but what can be seen is left as it is. A reader that has gone away (`… | head -1`) is no failure: the
//! command does what it was asked to do, and its exit code tells of that.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;

use super::Exit;

/// The first fault of stdout; behind it nothing more is written.
static FAULT: OnceLock<ErrorKind> = OnceLock::new();
/// Set where stdout is for a file: then whatever is said goes to stderr.
static HANDED_OVER: OnceLock<()> = OnceLock::new();

/// A line of the answer, on stdout.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::terminal::answer(&$crate::cli::terminal::visible(&format!($($words)*))) };
}

/// A line of what is wrong, on stderr.
macro_rules! complain {
    ($($words:tt)*) => { $crate::cli::terminal::complaint(&format!($($words)*)) };
}

pub(crate) use {complain, say};

/// Writes a text and a line feed to stdout as it is: for programs, and for what is made visible already.
pub fn answer(text: &str) {
    let line = format!("{text}\n");
    // What became of it is told by `finish`; where stderr cannot be written to there is nobody to tell.
    let _ = match HANDED_OVER.get() {
        None => Answer.write_all(line.as_bytes()),
        Some(()) => io::stderr().write_all(line.as_bytes()),
    };
}

/// Whether a file's name stands for standard output, or input.
pub fn is_stdout(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// From here on stdout takes nothing but what is written to [`Answer`], and what is said goes to stderr. The answer is how the process
/// ends where that cannot be: a terminal would show the bytes, and one object of JSON is promised for stdout.
pub fn hand_over_stdout(what: &str, json: bool) -> Option<Exit> {
    if json {
        complain!(
            "workiva-sync: {what} and the object of --json cannot both go to standard output; name a file"
        );
        return Some(Exit::Usage);
    }
    if io::stdout().is_terminal() {
        complain!("workiva-sync: {what} is nothing for a terminal; name a file, or send it into one by `>`");
        return Some(Exit::Usage);
    }
    let _ = HANDED_OVER.set(());
    None
}

/// Writes a line to stderr. Where that cannot be, there is nobody to tell.
pub fn complaint(words: &str) {
    let _ = io::stderr().write_all(format!("{}\n", visible(words)).as_bytes());
}

/// Stdout, for output that is too long to be held.
pub struct Answer;

impl Answer {
    fn attempt<T>(work: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<T>) -> io::Result<T> {
        if let Some(fault) = FAULT.get() {
            return Err((*fault).into());
        }
        work(&mut io::stdout().lock()).inspect_err(|fault| {
            if fault.kind() != ErrorKind::Interrupted {
                // Somebody else's was the first, then.
                let _ = FAULT.set(fault.kind());
            }
        })
    }
}

impl Write for Answer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::attempt(|stdout| stdout.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::attempt(|stdout| stdout.flush())
    }
}

/// How the process ends: as the command did, unless its answer was lost to more than a reader that went away.
pub fn finish(exit: Exit) -> Exit {
    // Its fault is looked at below.
    let _ = Answer.flush();
    match FAULT.get() {
        Some(fault) if *fault != ErrorKind::BrokenPipe => {
            complain!("workiva-sync: the answer could not be written: {fault}");
            if exit == Exit::Done { Exit::Failed } else { exit }
        }
        _ => exit,
    }
}

/// The text in one line, with an escape for whatever is not seen as itself on a terminal.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c if is_unseen(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Whatever `Debug` or `Display` writes, made visible.
pub struct Visible<T>(pub T);

impl<T: fmt::Debug> fmt::Display for Visible<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&format!("{:?}", self.0)))
    }
}

/// Control characters, and those of Unicode that have no shape of their own: directions, joiners, separators of lines,
/// blanks without width, fillers, tags. Not the variation selectors of emoji, nor marks that stand on a letter.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_an_escape() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("\u{9b}31m\u{7f}\u{7}\0"), "\\u{9b}31m\\u{7f}\\u{7}\\u{0}");
        assert_eq!(visible("one\r\ntwo\tthree\u{2028}"), "one\\r\\ntwo\\tthree\\u{2028}");
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain('\u{200b}'..='\u{200f}') {
            assert_eq!(visible(&format!("x{c}y")), format!("x\\u{{{:x}}}y", u32::from(c)));
        }
        assert_eq!(visible("\u{feff}\u{2060}\u{61c}\u{e0041}"), "\\u{feff}\\u{2060}\\u{61c}\\u{e0041}");
    }

    #[test]
    fn what_can_be_seen_is_left_as_it_is() {
        for text in ["Åkesson – 'O\\'Neil'", "山田　太郎", "जोशी", "שלום", "née\u{301}", "☺\u{fe0f}", "─│→"]
        {
            assert_eq!(visible(text), text);
        }
    }
}
