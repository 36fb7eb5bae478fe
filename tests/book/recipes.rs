//! The recipes of the cookbook and of the page on roles, through `rules test`.

use std::path::Path;
use std::process::{Command, Output};

use super::pages::{all, read};

const COOKBOOK: &str = "docs/cookbook.md";

/// A recipe: configuration, files that it reads, examples.
struct Recipe {
    place: String,
    configuration: toml::Table,
    files: Vec<(String, String)>,
    examples: String,
}

#[test]
fn each_recipe_makes_of_its_examples_what_the_page_says_and_nothing_else_does() {
    let cookbook = recipes(COOKBOOK);
    let roles = recipes("docs/roles.md");
    assert!(cookbook.len() > 12 && roles.len() > 5, "recipes were found");
    let base = base();
    for recipe in cookbook.iter().chain(&roles) {
        let with = tested(&laid_over(&base, &recipe.configuration), recipe);
        assert_eq!(with.status.code(), Some(0), "{}: {}", recipe.place, told(&with));
        let without = tested(&base, recipe);
        let code = without.status.code();
        assert!(matches!(code, Some(1 | 2)), "{}: it is not the recipe: {}", recipe.place, told(&without));
    }
}

/// What a page shows as a part of a configuration has keys that there are.
#[test]
fn every_part_of_a_configuration_has_keys_that_there_are() {
    let base = base();
    let mut looked_at = 0;
    for page in all() {
        for block in page.blocks.iter().filter(|block| block.language() == "toml") {
            let part: toml::Table = block.text.parse().unwrap();
            let mut whole = base.clone();
            if part.contains_key("sources")
                || part.get("source").is_some_and(|source| source.get("kind").is_some())
            {
                whole.remove("source");
            }
            let place = format!("{}:{}", page.path.display(), block.line);
            assert_eq!(unknown_keys(&laid_over(&whole, &part)), [""; 0], "{place}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 60, "parts were found: {looked_at}");
    let misspelt: toml::Table = "[guard]\nmax_deprovision_cuont = 3\n".parse().unwrap();
    assert_eq!(unknown_keys(&laid_over(&base, &misspelt)), ["guard.max_deprovision_cuont"]);
}

fn unknown_keys(configuration: &toml::Table) -> Vec<String> {
    let faults = workiva_sync::config::parse("a page", &configuration.to_string(), Default::default()).err();
    let faults = faults.into_iter().flat_map(|faults| faults.errors);
    faults.filter(|fault| fault.message.contains("is not a known key")).map(|fault| fault.key).collect()
}

/// The configuration that comes first in the cookbook.
fn base() -> toml::Table {
    let cookbook = read(Path::new(COOKBOOK));
    cookbook.blocks.iter().find(|block| block.language() == "toml").unwrap().text.parse().unwrap()
}

fn recipes(path: &str) -> Vec<Recipe> {
    let page = read(Path::new(path));
    let mut recipes = Vec::new();
    let mut configuration = None;
    let mut files = Vec::new();
    for block in &page.blocks {
        match (block.language(), block.file()) {
            ("toml", _) => (configuration, files) = (Some(block.text.parse().unwrap()), Vec::new()),
            ("csv", Some(name)) => files.push((name.to_owned(), block.text.clone())),
            ("csv", None) => recipes.push(Recipe {
                place: format!("{path}:{}", block.line),
                configuration: configuration.clone().unwrap(),
                files: files.clone(),
                examples: block.text.clone(),
            }),
            _ => {}
        }
    }
    recipes
}

/// Tables are laid over each other key by key; anything else is replaced.
fn laid_over(below: &toml::Table, above: &toml::Table) -> toml::Table {
    let mut whole = below.clone();
    for (key, value) in above {
        let laid = match (whole.get(key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => laid_over(below, above).into(),
            _ => value.clone(),
        };
        whole.insert(key.clone(), laid);
    }
    whole
}

fn tested(configuration: &toml::Table, recipe: &Recipe) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("workiva-sync.toml", &configuration.to_string());
    write("rules.csv", &recipe.examples);
    recipe.files.iter().for_each(|(name, text)| write(name, text));
    let mut command = Command::new(env!("CARGO_BIN_EXE_workiva-sync"));
    command.args(["--config", "workiva-sync.toml", "rules", "test", "rules.csv"]);
    command.env_clear().current_dir(folder.path()).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
