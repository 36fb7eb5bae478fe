//! `completions` and `man`: what is made of the command line itself.

use clap::Command;
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

/// Prints the manual page: the whole, and each command behind it, with those inside of it.
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
    environment().to_writer(&mut text)?;
    whole.render_version_section(&mut text)?;
    render_commands(&command, &mut text)?;
    answer(&String::from_utf8(text)?);
    Ok(Exit::Done)
}

/// Each command, and each of its own behind it.
fn render_commands(of: &Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    for one in of.get_subcommands().filter(|one| one.get_name() != "help") {
        let page = Man::new(one.clone());
        page.render_name_section(text)?;
        page.render_synopsis_section(text)?;
        page.render_description_section(text)?;
        page.render_options_section(text)?;
        render_commands(one, text)?;
    }
    Ok(())
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

fn environment() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["ENVIRONMENT"]);
    let variables = [
        ("WORKIVA_SYNC_CONFIG", "The configuration, where there is no --config."),
        (
            "WORKIVA_SYNC_LOG",
            "What is logged: a level, or targets with levels, such as debug or workiva_sync=debug.",
        ),
        (
            "WORKIVA_SYNC__…",
            "Overrides a key of the configuration: its parts, with two underscores between them, such as WORKIVA_SYNC__WORKIVA__BASE_URL.",
        ),
    ];
    for (name, meaning) in variables {
        roff.control("TP", []).text([roman(name)]).text([roman(meaning)]);
    }
    roff
}
