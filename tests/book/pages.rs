//! The pages as Markdown reads them: headings, links, words in backticks, blocks of code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// One file.
pub struct Page {
    /// From the repository's root.
    pub path: PathBuf,
    /// Where links may lead in it.
    pub anchors: BTreeSet<String>,
    /// Where its links lead.
    pub links: Vec<String>,
    /// Words in backticks.
    pub codes: Vec<String>,
    /// Blocks of code.
    pub blocks: Vec<Block>,
}

/// A block of code.
pub struct Block {
    /// What stands behind the fence: the language, and the name of a file where it has one.
    pub info: String,
    /// What is in it.
    pub text: String,
    /// The line in which it begins.
    pub line: usize,
}

impl Block {
    /// The language.
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    /// The name of a file, where it is to be written.
    pub fn file(&self) -> Option<&str> {
        self.info.split_once(' ').map(|(_, name)| name.trim())
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder that end so, from the repository's root.
pub fn files_below(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if endings.contains(&ending) {
                files.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// The pages of the book, and the files beside it that people read.
pub fn all() -> Vec<Page> {
    let beside = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(PathBuf::from);
    beside.into_iter().chain(files_below("docs", &["md"])).map(|path| read(&path)).collect()
}

/// One page.
pub fn read(path: &Path) -> Page {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let mut page = Page {
        path: path.to_path_buf(),
        anchors: BTreeSet::new(),
        links: Vec::new(),
        codes: Vec::new(),
        blocks: Vec::new(),
    };
    let mut heading: Option<String> = None;
    let mut block: Option<Block> = None;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let parser = Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter();
    for (event, range) in parser {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap());
                let times = seen.entry(anchor.clone()).or_default();
                page.anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
                *times += 1;
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string())
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let line = text[..range.start].lines().count() + 1;
                block = Some(Block { info, text: String::new(), line });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Text(words) => match (&mut block, &mut heading) {
                (Some(block), _) => block.text.push_str(&words),
                (None, Some(heading)) => heading.push_str(&words),
                (None, None) => {}
            },
            Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
                page.codes.push(words.to_string());
            }
            _ => {}
        }
    }
    page
}

/// What a heading is called in a link, in mdBook and on GitHub alike.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}
