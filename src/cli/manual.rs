//! `completions` and `man`: what is made of the command line itself.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::terminal::answer;
use super::{Cli, Exit};

const NAME: &str = "workiva-sync";

/// Prints what makes a shell complete the command line.
pub fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
    answer(&String::from_utf8(text)?);
    Ok(Exit::Done)
}

/// Prints the manual page: the whole, and each command behind it.
pub fn man() -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    for one in command.get_subcommands() {
        let page = Man::new(one.clone());
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
    }
    answer(&String::from_utf8(text)?);
    Ok(Exit::Done)
}
