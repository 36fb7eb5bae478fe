//! `completions` and `man`: what is made of the command line itself.

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::terminal::answer;
use super::{Exit, command_line};

const NAME: &str = "workiva-sync";

/// Prints what makes a shell complete the command line.
pub fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command_line(), NAME, &mut text);
    answer(&String::from_utf8(text)?);
    Ok(Exit::Done)
}

/// Prints the manual page: the whole, and each command behind it.
pub fn man() -> anyhow::Result<Exit> {
    let mut command = command_line();
    command.build();
    let mut text = Vec::new();
    let whole = Man::new(command.clone());
    whole.render_title(&mut text)?;
    whole.render_name_section(&mut text)?;
    whole.render_synopsis_section(&mut text)?;
    whole.render_description_section(&mut text)?;
    whole.render_options_section(&mut text)?;
    whole.render_subcommands_section(&mut text)?;
    exit_status().to_writer(&mut text)?;
    whole.render_version_section(&mut text)?;
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

fn exit_status() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        roff.control("TP", []).text([roman((exit as u8).to_string())]).text([roman(exit.meaning())]);
        for (command, meaning) in exit.from_commands() {
            roff.control("br", []).text([roman(format!("{command}: {meaning}"))]);
        }
    }
    roff
}
