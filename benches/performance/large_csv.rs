//! A CSV file of 1 GiB, read from disk and by SFTP from an OpenSSH server on loopback: seconds, and the most memory that this
//! process held. `cargo bench -- large_csv [MEBIBYTES]`; 1,024 by default.

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/sftp/server.rs"]
mod server;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use server::{Sshd, sshd, user};
use workiva_sync::config::Encoding;
use workiva_sync::source::csv::{
    Announcements, CsvOptions, CsvSource, HostKeyPin, ServerAddress, SftpLogin, SftpServer,
};

use crate::common::{forget_peak, now, peak_mib, read_all, runtime};

pub fn measure(mebibytes: Option<usize>) {
    let mebibytes = mebibytes.unwrap_or(1024) as u64;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("employees.csv");
    let rows = write(&path, mebibytes * 1024 * 1024);
    println!("{mebibytes} MiB, {rows} rows");
    let runtime = runtime();
    let measure = |from: &str, server: Option<SftpServer>| {
        let source = CsvSource::new(options(&path, server));
        forget_peak();
        let before = peak_mib();
        let started = now();
        let read = runtime.block_on(read_all(&source));
        assert_eq!(read, rows);
        let seconds = started.elapsed().as_secs_f64();
        let speed = mebibytes as f64 / seconds;
        println!(
            "{from}: {seconds:.1} s, {speed:.0} MiB/s, {:.0} MiB at most ({before:.0} MiB before)",
            peak_mib()
        );
    };
    measure("from disk", None);
    if let Some(server) = sshd("") {
        measure("by SFTP", Some(sftp(&server)));
    }
}

fn write(path: &Path, bytes: u64) -> usize {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let header = "Employee ID,First Name,Last Name,Work Email,Status,Department,Job Title\n";
    let mut written = file.write(header.as_bytes()).unwrap() as u64;
    let mut rows = 0;
    while written < bytes {
        let row = format!(
            "{rows:08},Given{rows},Family{rows},given{rows}.family{rows}@example.com,Active,\"Finance, Europe\",Senior Analyst \
             for Consolidation and Reporting in the Office of the CFO\n"
        );
        file.write_all(row.as_bytes()).unwrap();
        written += row.len() as u64;
        rows += 1;
    }
    file.flush().unwrap();
    rows
}

fn options(path: &Path, server: Option<SftpServer>) -> CsvOptions {
    let columns = [
        ("employee_id", "Employee ID"),
        ("given_name", "First Name"),
        ("family_name", "Last Name"),
        ("work_email", "Work Email"),
        ("status", "Status"),
        ("department", "Department"),
        ("job_title", "Job Title"),
    ];
    CsvOptions {
        server,
        pattern: path.display().to_string(),
        delimiter: b',',
        encoding: Encoding::Utf8,
        min_records: 1,
        announcements: Announcements::default(),
        archive: None,
        delta: None,
        stable_for: Duration::ZERO,
        columns: columns.map(|(name, header)| (name.to_owned(), header.to_owned())).into(),
        left: Vec::new(),
        seed: 0,
    }
}

fn sftp(server: &Sshd) -> SftpServer {
    SftpServer {
        address: ServerAddress { host: "127.0.0.1".into(), port: server.port },
        login: SftpLogin {
            username: user(),
            password: None,
            private_key: Some(std::fs::read_to_string(server.file("user")).unwrap().into()),
            passphrase: None,
        },
        host_key: HostKeyPin::Key(server.public("host")),
        timeout: Duration::from_secs(30),
        transfer_timeout: Duration::from_secs(1800),
    }
}
